/**
 * Reads what a subscription wants of its topic's log, and what becomes of it.
 *
 *   FJ1  What is read of a partition is read once for all of its slices that are on this node.
 *   FJ2  What there is not any more is done, and its consumers are told. Of another history of the partition it goes on where that does.
 *   FJ3  A partition that has ended is not read again until somebody says that there may be more, also when that is said while it is read.
 *   FJ5  A partition that can't be read holds up no other, with its dead letters neither: one that is slow to fail has twice that time of rest, whatever
 *        its log says meanwhile, one that fails at once is read when its log says that something came. What a look has tried in vain for `LEAST` lets
 *        it begin nothing more.
 *   FJ4  Others have a turn between two events that a filter looks at, however many are read at once.
 */
import { Clock, Effect } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { saidOf } from "../telemetry/Every.ts"
import { eventsIn, walk } from "../topics/Frames.ts"
import { NO_KEY } from "../topics/Message.ts"
import type { Place } from "../topics/MessageId.ts"
import type { Gap, PartitionId, Piece, Segment } from "../topics/Piece.ts"
import type { Log } from "../topics/TopicLog.ts"
import { lookingSlices } from "../work/Slices.ts"
import type { Cursor } from "./Cursor.ts"
import type { Letter } from "./DeadLetter.ts"
import type { Body } from "./Gathered.ts"
import type { Item, Read } from "./Item.ts"
import type { Matches } from "./Matching.ts"
import { beginAt } from "./SavedCursor.ts"
import type { Serving } from "./Serving.ts"
import type { Subscription } from "./Subscription.ts"
import { Tried, Unreadable } from "./Unreadable.ts"

/** A log that hangs is one that fails: looks go on, and shares are given up meanwhile. SO4 */
const ANSWERED = "5 seconds"
/** Partitions that are read at once for a subscription. */
const AT_ONCE = 4
/** Bytes of one read. */
const BYTES = 262_144
/** Bytes that an event takes beside itself. */
const BESIDE = 64
/** Reads for the dead letters of one look: what else there is to do doesn't wait for all of them. */
const GRAVES = 4

/** Its events from an offset on, copied: what is kept of them keeps nothing else. May be left between two of them. FJ4 */
export function* readsOf(
  { base, at, bytes, hashes }: Segment,
  { from, partition }: { readonly from: number; readonly partition: number },
  matches: Matches
): Generator<void, ReadonlyArray<Read<Body>>> {
  const reads: Array<Read<Body>> = []
  let index = -1
  for (const one of eventsIn(bytes)) {
    const offset = base + ++index
    if (offset < from) continue
    const event = one.slice()
    if (matches(event, at, partition, offset)) {
      const hash = hashes?.[index] ?? NO_KEY
      reads.push({ offset, hash: hash === NO_KEY ? null : hash, bytes: event.length + BESIDE, body: { at, event } })
    }
    yield
  }
  return reads
}

/** What one becomes that came to nothing. */
const letterOf = (
  { epoch, deadLetterTopic: topic }: Subscription,
  { offset, attempts, cause, dead = "attempts" }: Item<Body>,
  { logEpoch }: Cursor<Body>,
  { event, at }: Body
): Letter => ({ epoch, logEpoch, offset, event, publishedAt: at, attempts, reason: dead, cause, topic })

/** The first that is in none of these partitions. */
const firstOf = (dead: ReadonlyMap<Item<Body>, Cursor<Body>>, without: ReadonlySet<number>) => {
  for (const one of dead) if (!without.has(one[1].slice.partition)) return one
  return undefined
}

/** Tells milliseconds of the clock that doesn't jump. */
const monotonic = Effect.map(Clock.Clock, (clock) => () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n))

export interface Fetched {
  /** There was something. */
  readonly some: boolean
  /** Why something was not read. FJ5 */
  readonly failed: HeraldError | undefined
}

export class Fetching {
  readonly #log: Log
  readonly #unreadable = new Unreadable()
  /** Partitions that had ended, of each topic, and where. */
  readonly #ended = new Map<number, Map<number, Place>>()
  /** What is being read, and whether there may be more since. FJ3 */
  readonly #reading = new Set<{ readonly topic: number; readonly partition: number; heard: boolean }>()

  constructor(log: Log) {
    this.#log = log
  }

  /** There may be more; undefined: anywhere. */
  grown(which: Pick<PartitionId, "topic" | "partition"> | undefined): void {
    for (const one of this.#reading)
      if (which === undefined || (one.topic === which.topic && one.partition === which.partition)) one.heard = true
    this.#unreadable.grown(which)
    if (which === undefined) this.#ended.clear()
    else this.#ended.get(which.topic)?.delete(which.partition)
  }

  /** Nobody reads that topic any more. */
  forget(topic: number): void {
    this.#ended.delete(topic)
    this.#unreadable.forget(topic)
  }

  #end(topic: number, partition: number, at: Place): void {
    const its = this.#ended.get(topic) ?? new Map<number, Place>()
    this.#ended.set(topic, its.set(partition, at))
  }

  /** Not while it rests, nor when enough was tried in vain. FJ5 */
  #read(serving: Serving, tried: Tried, partition: number, { epoch, offset }: Place, maxBytes: number) {
    return Effect.gen({ self: this }, function* () {
      const id = { topic: serving.subscription.topicId, partition }
      const now = yield* monotonic
      const began = now()
      const rests = this.#unreadable.why(id, began) ?? tried.enough
      if (rests !== undefined) return yield* rests
      const asked = Effect.timeoutOrElse(this.#log.read(id, { epoch, offset }, { maxBytes, packed: false }), {
        duration: ANSWERED,
        orElse: () => failure("Timeout", "the log did not answer in time")
      })
      const read = yield* Effect.tapError(asked, (error) => {
        const isNews = this.#unreadable.isEmpty
        const took = now() - began
        tried.failed(error, took)
        this.#unreadable.failed(id, error, now(), took)
        const said = { topic: serving.subscription.topicName, partition, ...saidOf(error) }
        return isNews ? Effect.logWarning("a subscription can't read its log, and tries again", said) : Effect.void
      })
      this.#unreadable.well(id)
      return read
    })
  }

  readonly fetch = (
    serving: Serving,
    wants: ReadonlyMap<Cursor<Body>, number>,
    matches: Matches
  ): Effect.Effect<Fetched> => {
    const topic = serving.subscription.topicId
    const first = new Map<number, readonly [number, Cursor<Body>]>()
    for (const [cursor, from] of wants) {
      const known = first.get(cursor.slice.partition)
      if (known === undefined || from < known[0]) first.set(cursor.slice.partition, [from, cursor])
    }
    let failed: HeraldError | undefined
    const tried = new Tried()
    const each = ([partition, [from, cursor]]: readonly [number, readonly [number, Cursor<Body>]]) =>
      Effect.suspend(() => {
        const end = this.#ended.get(topic)?.get(partition)
        if (end?.epoch === cursor.logEpoch && from >= end.offset) return Effect.succeed(false)
        const reading = { topic, partition, heard: false }
        this.#reading.add(reading)
        const asked = Effect.ensuring(
          this.#read(serving, tried, partition, { epoch: cursor.logEpoch, offset: from }, BYTES),
          Effect.sync(() => this.#reading.delete(reading))
        )
        return Effect.flatMap(asked, (read) => {
          const some = read !== undefined && read.pieces.length > 0
          if (!some && !reading.heard) this.#end(topic, partition, { epoch: cursor.logEpoch, offset: from })
          const take = this.#take.bind(this)
          return lookingSlices.through(function* () {
            let at = from
            for (const piece of read?.pieces ?? []) {
              yield* take(serving, partition, read!.epoch, at, piece, matches)
              // Of another history everything is new.
              if (piece.is === "gap" && piece.why === "epoch") at = 0
            }
            return some || reading.heard
          })
        })
      })
    const noted = (error: HeraldError) =>
      Effect.sync(() => {
        failed ??= error
        return false
      })
    return Effect.map(
      Effect.forEach(this.#unreadable.ordered(topic, first), (one) => Effect.catch(each(one), noted), {
        concurrency: AT_ONCE
      }),
      (found) => ({ some: found.includes(true), failed })
    ) // FJ1
  };

  /** FJ2 */
  *#take(
    serving: Serving,
    partition: number,
    epoch: number,
    from: number,
    piece: Piece,
    matches: Matches
  ): Generator<void, void> {
    if (piece.is === "gap") return this.#pass(serving, partition, epoch, piece)
    // A slice that is not so far yet reads what it has to see itself.
    const first = Math.max(piece.base, from)
    const reads = yield* readsOf(piece, { from: first, partition }, matches)
    serving.offer(partition, first, piece.base + piece.count, reads)
  }

  /** FJ2 */
  #pass(serving: Serving, partition: number, epoch: number, { from, to, why }: Gap): void {
    if (why !== "epoch") serving.gap(partition, from, to, why)
    else this.#renew(serving, partition, epoch, to)
  }

  #renew(serving: Serving, partition: number, epoch: number, to: number): void {
    for (const cursor of [...serving.machine.cursors])
      if (cursor.slice.partition === partition && cursor.logEpoch !== epoch)
        serving.renew(cursor, beginAt(epoch, Math.min(cursor.floor, to)))
  }

  /**
   * Reads what is to be among the dead letters, while there is room for it, and says so to the machine. True: there is more, and room. What can't be read
   * stays. SQ3, FJ5
   */
  readonly bury = (serving: Serving): Effect.Effect<boolean> =>
    Effect.gen({ self: this }, function* () {
      const { machine } = serving
      const tried = new Tried()
      const left = this.#unreadable.resting(serving.subscription.topicId, (yield* monotonic)())
      for (let reads = 0; machine.status !== "error"; reads++) {
        const next = firstOf(machine.dead, left)
        if (next === undefined || tried.enough !== undefined) return false
        if (reads === GRAVES) return true
        const went = yield* Effect.catch(this.#bury(serving, tried, ...next), () => Effect.succeed("unread" as const))
        if (went === "full") return false
        if (went === "unread") left.add(next[1].slice.partition)
      }
      return false
    })

  /** With others that were read along with it. full: there is no room; unread: it was not there to be read. */
  #bury(serving: Serving, tried: Tried, item: Item<Body>, cursor: Cursor<Body>) {
    const { partition } = cursor.slice
    const { logEpoch } = cursor
    const place = { epoch: logEpoch, offset: item.offset }
    return Effect.map(this.#read(serving, tried, partition, place, 1), (read) => {
      const { dead } = serving.machine
      const [piece] = read?.pieces ?? []
      if (piece?.is === "gap") this.#pass(serving, partition, read!.epoch, piece)
      if (piece?.is !== "segment") return dead.has(item) ? "unread" : "buried"
      const its = new Map<number, readonly [Item<Body>, Cursor<Body>]>()
      for (const [one, of] of dead)
        if (of.slice.partition === partition && of.logEpoch === logEpoch) its.set(one.offset, [one, of])
      let room = true
      walk(piece.bytes, (index, start, end) => {
        const found = its.get(piece.base + index)
        if (found === undefined || !room) return
        const event = piece.bytes.slice(start, end)
        room = serving.saving.bury(...found, letterOf(serving.subscription, ...found, { event, at: piece.at }))
      })
      if (!room) return "full"
      return dead.has(item) ? "unread" : "buried"
    })
  }
}
