/**
 * Reads what a subscription wants of its topic's log, and what becomes of it.
 *
 *   FJ1  What is read of a partition is read once for all of its slices that are on this node.
 *   FJ2  What there is not any more is done, and its consumers are told. Of another history of the partition it goes on where that does.
 */
import { Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { walk } from "../topics/Frames.ts"
import { NO_KEY } from "../topics/Message.ts"
import type { Piece, Segment } from "../topics/Piece.ts"
import { partitionKey } from "../topics/Piece.ts"
import type { Log } from "../topics/TopicLog.ts"
import type { Cursor } from "./Cursor.ts"
import type { Letter } from "./DeadLetter.ts"
import type { Body } from "./Gathered.ts"
import type { Item, Read } from "./Item.ts"
import type { Matches } from "./Matching.ts"
import { beginAt } from "./SavedCursor.ts"
import type { Serving } from "./Serving.ts"

/** Bytes of one read. */
const BYTES = 262_144
/** Bytes that an event takes beside itself. */
const BESIDE = 64
/** Milliseconds until a partition that has ended is looked at again, though nothing was heard. */
export const AGAIN = 500

/** Its events from an offset on, copied: what is kept of them keeps nothing else. */
const readsOf = (
  { base, at, bytes, hashes }: Segment,
  { from, partition }: { readonly from: number; readonly partition: number },
  matches: Matches
): ReadonlyArray<Read<Body>> => {
  const reads: Array<Read<Body>> = []
  walk(bytes, (index, start, end) => {
    const offset = base + index
    if (offset < from) return
    const event = bytes.slice(start, end)
    if (!matches(event, at, partition, offset)) return
    const hash = hashes?.[index] ?? NO_KEY
    reads.push({ offset, hash: hash === NO_KEY ? null : hash, bytes: event.length + BESIDE, body: { at, event } })
  })
  return reads
}

export class Fetching {
  readonly #log: Log
  /** Partitions that had ended: when to look again, in milliseconds. */
  readonly #quiet = new Map<string, number>()

  constructor(log: Log) {
    this.#log = log
  }

  /** There may be more; undefined: anywhere. */
  grown(partition: string | undefined): void {
    if (partition === undefined) this.#quiet.clear()
    else this.#quiet.delete(partition)
  }

  #read(serving: Serving, partition: number, epoch: number, offset: number, maxBytes: number) {
    const id = { topic: serving.subscription.topicId, partition }
    return this.#log.read(id, { epoch, offset }, { maxBytes, packed: false })
  }

  /** True: there was something. */
  readonly fetch = (
    serving: Serving,
    wants: ReadonlyMap<Cursor<Body>, number>,
    matches: Matches,
    now: number
  ): Effect.Effect<boolean, HeraldError> => {
    const first = new Map<number, readonly [number, Cursor<Body>]>()
    for (const [cursor, from] of wants) {
      const known = first.get(cursor.slice.partition)
      if (known === undefined || from < known[0]) first.set(cursor.slice.partition, [from, cursor])
    }
    const each = [...first].map(([partition, [from, cursor]]) =>
      Effect.suspend(() => {
        const name = partitionKey({ topic: serving.subscription.topicId, partition })
        if (from >= cursor.scan && (this.#quiet.get(name) ?? 0) > now) return Effect.succeed(false)
        return Effect.map(this.#read(serving, partition, cursor.logEpoch, from, BYTES), (read) => {
          const some = read !== undefined && read.pieces.length > 0
          if (!some) this.#quiet.set(name, now + AGAIN)
          let at = from
          for (const piece of read?.pieces ?? []) {
            this.#take(serving, partition, read!.epoch, at, piece, matches)
            // Of another history everything is new.
            if (piece.is === "gap" && piece.why === "epoch") at = 0
          }
          return some
        })
      })
    )
    return Effect.map(Effect.all(each), (found) => found.includes(true)) // FJ1
  }

  /** FJ2 */
  #take(serving: Serving, partition: number, epoch: number, from: number, piece: Piece, matches: Matches): void {
    if (piece.is === "segment") {
      // A slice that is not so far yet reads what it has to see itself.
      const first = Math.max(piece.base, from)
      serving.offer(partition, first, piece.base + piece.count, readsOf(piece, { from: first, partition }, matches))
    } else if (piece.why !== "epoch") serving.gap(partition, piece.from, piece.to, piece.why)
    else this.#renew(serving, partition, epoch, piece.to)
  }

  #renew(serving: Serving, partition: number, epoch: number, to: number): void {
    for (const cursor of [...serving.machine.cursors])
      if (cursor.slice.partition === partition && cursor.logEpoch !== epoch)
        serving.renew(cursor, beginAt(epoch, Math.min(cursor.floor, to)))
  }

  /** Reads what is to be among the dead letters, and says so to the machine. */
  readonly bury = (serving: Serving): Effect.Effect<void, HeraldError> =>
    Effect.forEach([...serving.machine.dead], ([item, cursor]) => this.#bury(serving, item, cursor), { discard: true })

  #bury(serving: Serving, item: Item<Body>, cursor: Cursor<Body>) {
    const { partition } = cursor.slice
    const { offset, attempts, cause } = item
    return Effect.map(this.#read(serving, partition, cursor.logEpoch, offset, 1), (read) => {
      const piece = read?.pieces[0]
      if (piece === undefined || !serving.machine.dead.has(item)) return
      if (piece.is === "gap") {
        this.#take(serving, partition, read!.epoch, offset, piece, () => true)
        return
      }
      const found = readsOf(piece, { from: offset, partition }, () => true).find((one) => one.offset === offset)
      if (found === undefined) return
      const { subscription } = serving
      const letter: Letter = {
        ...{
          epoch: subscription.epoch,
          logEpoch: cursor.logEpoch,
          offset,
          event: found.body.event,
          publishedAt: found.body.at
        },
        ...{ attempts, cause, reason: attempts >= subscription.maxAttempts ? "attempts" : "rejected" },
        topic: subscription.deadLetterTopic
      }
      serving.bury(item, cursor, letter)
    })
  }
}
