/**
 * What a partition's writer knows of producers, and how it takes them over from others.
 *
 *   KP2  A producer's events are judged by what is in the log: before a node writes of a producer that another one wrote, it fences that one there, reads
 *        what came since it was last noted, and only then becomes its holder.
 *   KP6  A partition's writer knows at most `MOST_HELD` producers besides those of which there is more than is noted.
 */
import { Effect } from "effect"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"
import { type Known, type Producing, remembering } from "../../../src/topics/Batch.ts"
import type { LogState, Settled } from "../../../src/topics/LogState.ts"
import type { PartitionId } from "../../../src/topics/Piece.ts"
import { type Brokers, isRefused } from "./Brokers.ts"
import { fence, transactionalId } from "./Fencing.ts"
import { codes, EARLIEST, fetch, LATEST } from "./Protocol.ts"
import { decodeBatches } from "./RecordBatch.ts"
import { stampIn } from "./Records.ts"
import type { Sealer } from "./Sealing.ts"
import { inSteps, type Steps } from "./Steps.ts"
import { type Opened, opened } from "./Unpacking.ts"
import { away } from "./Waiting.ts"

/** Producers that a partition's writer knows: who was silent longest is looked up again when it comes. */
export const MOST_HELD = 1_000
const TRIES = 20
const BITE = 1_048_576

export interface Hold {
  known: Known
  /** Behind its newest event. */
  settled: number
  /** There is more than is noted. */
  dirty: boolean
}

/** "<run>#<n>": the n-th identity of a run. */
export const runOf = (writer: string): string => writer.slice(0, writer.lastIndexOf("#"))

const asked = <A>(run: () => Promise<A>): Effect.Effect<A, HeraldError> => Effect.tryPromise({ try: run, catch: away })

/** A producer's in a batch, from an offset on, as far as its records can be read. */
function* stampsOf(
  its: Opened,
  from: number,
  producer: string
): Steps<ReadonlyArray<readonly [offset: number, stamp: Producing]>> {
  const found: Array<readonly [number, Producing]> = []
  try {
    for (const walked of its.from(from)) {
      if (walked === undefined) {
        yield
        continue
      }
      const stamp = stampIn(walked.record)
      if (stamp?.producer === producer) found.push([walked.offset, stamp])
    }
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
  }
  return found
}

export interface HoldingOptions {
  readonly brokers: Brokers
  readonly state: LogState["Service"]
  readonly id: PartitionId
  /** In Kafka. */
  readonly topic: string
  readonly sealer: Sealer
}

/** Of one partition and one of its writer's identities. */
export class Holding {
  readonly #of: HoldingOptions
  readonly writer: string
  readonly holds = new Map<string, Hold>()

  constructor(of: HoldingOptions, writer: string) {
    this.#of = of
    this.writer = writer
  }

  /** Undefined: nobody opened it. Fails as `LogState`, and `TopicLogUnavailable`. */
  acquire(producer: string): Effect.Effect<Hold | undefined, HeraldError> {
    const { state, id, brokers, topic } = this.#of
    const { holds, writer } = this
    const scan = (from: number, known: Known) => this.#scan(from, producer, known)
    return Effect.gen({ self: this }, function* () {
      for (let tries = 0; tries < TRIES; tries++) {
        const found = yield* state.find(id, producer)
        if (found === undefined) return undefined
        const held = holds.get(producer)
        if (held !== undefined && found.writer === writer) {
          held.known = { ...held.known, epoch: found.known.epoch }
          return held
        }
        const before = found.writer
        // An older identity of this run was fenced when this one began.
        if (before !== undefined && runOf(before) !== runOf(writer))
          yield* asked(() => fence(brokers, transactionalId(runOf(before), id), topic, id.partition))
        const { known, end } = yield* scan(before === undefined ? Number.POSITIVE_INFINITY : found.settled, found.known)
        const epoch = yield* state.hold(before, { ...id, producer, writer, known, settled: end })
        if (epoch === undefined) continue // somebody was faster
        const hold: Hold = { known: { ...known, epoch }, settled: end, dirty: false }
        holds.set(producer, hold)
        this.#bound()
        return hold
      }
      return yield* failure("TopicLogUnavailable", "other nodes take the producer over all the time")
    })
  }

  /** Reads what came from an offset on; infinite: nothing, only where the end is. */
  #scan(from: number, producer: string, start: Known): Effect.Effect<{ known: Known; end: number }, HeraldError> {
    const { brokers, topic, id, sealer } = this.#of
    return asked(async () => {
      const { partition } = id
      const at = async (time: number) =>
        (await brokers.offsets({ topic, partitions: [partition], time }, false)).get(partition) ?? 0
      const end = await at(LATEST)
      let known = start
      /** What was between is gone by retention. */
      let cut = false
      for (let next = from; next < end; ) {
        try {
          const { records } = await brokers.ask(
            topic,
            partition,
            fetch({ topic, partition, offset: next }, BITE, false)
          )
          const batches = decodeBatches(records)
          for (const batch of batches) {
            const its = batch.has === "records" ? await opened(batch, sealer) : undefined
            if (its?.isSealed !== true) continue // KS1
            for (const [offset, stamp] of await inSteps(stampsOf(its, next, producer))) {
              if (stamp.sequence <= known.sequence) continue
              if (stamp.sequence > known.sequence + 1 && !cut) continue // nobody whom Herald let write
              known = remembering(known, { first: stamp.sequence, count: 1, offset })
              cut = false
            }
          }
          const last = batches.at(-1)
          if (last === undefined) break
          next = Math.max(next + 1, last.base + last.count)
        } catch (cause) {
          if (!isRefused(cause) || cause.code !== codes.OFFSET_OUT_OF_RANGE) throw cause
          const first = await at(EARLIEST)
          if (first <= next) break // history is shorter than it was
          next = first
          cut = true
        }
      }
      return { known, end }
    })
  }

  /** What is to be noted, at most so many; it counts as noted then. */
  takeDirty(most: number): ReadonlyArray<Settled> {
    const all: Array<Settled> = []
    for (const [producer, hold] of this.holds) {
      if (all.length >= most) break
      if (!hold.dirty) continue
      hold.dirty = false
      all.push({ ...this.#of.id, producer, writer: this.writer, known: hold.known, settled: hold.settled })
    }
    return all
  }

  /** Notes in memory what is in the log since just now. */
  placed(producer: string, first: number, count: number, offset: number): void {
    const hold = this.holds.get(producer)
    if (hold === undefined) return
    hold.known = remembering(hold.known, { first, count, offset })
    hold.settled = offset + count
    hold.dirty = true
    this.holds.delete(producer)
    this.holds.set(producer, hold)
    this.#bound()
  }

  /** Who was silent longest is given up, once that is noted. */
  #bound(): void {
    let beyond = this.holds.size - MOST_HELD
    for (const [silent, { dirty }] of this.holds) {
      if (beyond <= 0) break
      if (dirty) continue
      this.holds.delete(silent)
      beyond--
    }
  }
}
