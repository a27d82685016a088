/** What a node knows of partitions in Kafka, and how they are read. It is bounded in entries, and as of at most a second ago where it may change. */
import { Effect } from "effect"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"
import type { History, LogState, LogTopic } from "../../../src/topics/LogState.ts"
import type { Place } from "../../../src/topics/MessageId.ts"
import { type Bounds, type PartitionId, type Piece, partitionKey, type Read } from "../../../src/topics/Piece.ts"
import { kafkaName } from "../../../src/topics/Topic.ts"
import { type Brokers, isRefused } from "./Brokers.ts"
import { markAt, marked, startOf, verified } from "./Histories.ts"
import { Names, sealerOf } from "./Names.ts"
import { Opening } from "./Opening.ts"
import { codes, EARLIEST, type Fetched, fetch, LATEST, offsets } from "./Protocol.ts"
import { committedOf, decodeBatches } from "./RecordBatch.ts"
import type { Sealer } from "./Sealing.ts"
import { away } from "./Waiting.ts"

const MOST = 50_000
/** Between two marks of a partition. */
const MARKED = 5_000
/** Bytes that are asked for besides: what is cut off by the bound is not given. */
const BEYOND = 16_384
/** Bytes of events by which their mean size is guessed. */
const SAMPLE = 4_096
/** Partitions that are looked at at once. */
const LOOKED = 1_000

interface Known {
  readonly id: PartitionId
  readonly topic: string
  readonly sealer: Sealer
  history: History
  /** Behind its newest event, as far as this node knows. */
  end: number
  /** The end that the newest mark is of, and when it was made, in milliseconds since 1970. */
  markedAt: number
  markedWhen: number
  /** Bytes of an event, about; 0: not known. */
  mean: number
  /** When it was last used, milliseconds since 1970. */
  used: number
}

export interface PartitionsOptions {
  readonly brokers: Brokers
  readonly state: LogState["Service"]
  readonly now: () => number
}

export class Partitions {
  readonly #of: PartitionsOptions
  readonly #names: Names
  readonly #known = new Map<string, Known>()
  readonly #opening = new Opening()

  constructor(of: PartitionsOptions) {
    this.#of = of
    const changed = (topic: number) => {
      for (const { id } of this.#known.values()) if (id.topic === topic) this.#doubt(id) // KH2
    }
    this.#names = new Names({ ...of, changed })
  }

  /** This node changed it. */
  readonly forget = (topic: number): void => this.#names.forget(topic)

  topic(id: number): Effect.Effect<LogTopic | undefined, HeraldError> {
    return this.#names.topic(id)
  }

  /** Kafka could not be asked: what it has is looked at again before it is used. KH2 */
  #doubt(id: PartitionId): void {
    this.#known.delete(partitionKey(id))
    this.#opening.drop(partitionKey(id))
  }

  /** Once more where Kafka had no such topic: it may be gone here as well by now. */
  #twice<A>(effect: Effect.Effect<A, HeraldError>): Effect.Effect<A, HeraldError> {
    return Effect.catchIf(
      effect,
      ({ cause }) => isRefused(cause) && cause.code === codes.UNKNOWN_TOPIC_OR_PARTITION,
      () => effect
    )
  }

  #ask<A>(id: PartitionId, run: () => Promise<A>): Effect.Effect<A, HeraldError> {
    return Effect.tryPromise({
      try: run,
      catch: (cause) => {
        this.#doubt(id)
        if (isRefused(cause) && cause.code === codes.UNKNOWN_TOPIC_OR_PARTITION) this.#names.forget(id.topic)
        return away(cause)
      }
    })
  }

  #find(id: PartitionId): Effect.Effect<Known | undefined, HeraldError> {
    return Effect.gen({ self: this }, function* () {
      const { state, brokers, now } = this.#of
      const key = partitionKey(id)
      const topic = yield* this.#names.ours(id.topic) // KM3
      if (topic === undefined || !(id.partition >= 0 && id.partition < topic.partitions)) return undefined
      const held = this.#known.get(key)
      if (held !== undefined) {
        held.used = now()
        return held
      }
      const name = kafkaName(topic.name)
      const last = (yield* state.histories(id.topic)).get(id.partition)
      const history = yield* verified(brokers, state, name, id, last)
      if (history === undefined) return undefined
      const markedAt = history.marks.at(-1)?.offset ?? 0
      const known: Known = {
        ...{ id, topic: name, sealer: sealerOf(id, topic), history, end: markedAt, markedAt, markedWhen: 0 },
        ...{ mean: 0, used: now() }
      }
      if (this.#known.size >= MOST) {
        const [oldest] = this.#known.keys()
        this.#known.delete(oldest!)
      }
      this.#known.set(key, known)
      return known
    })
  }

  history(id: PartitionId): Effect.Effect<History | undefined, HeraldError> {
    return Effect.map(this.#find(id), (known) => known?.history)
  }

  grew(
    id: PartitionId,
    { next, bytes, count }: { readonly next: number; readonly bytes: number; readonly count: number }
  ): void {
    const known = this.#known.get(partitionKey(id))
    if (known === undefined) return
    known.end = Math.max(known.end, next)
    known.mean = known.mean === 0 ? bytes / count : 0.9 * known.mean + (0.1 * bytes) / count
  }

  #ends(id: PartitionId, topic: string) {
    return this.#ask(id, async () => {
      const of = async (time: number) =>
        (await this.#of.brokers.askAll(topic, [id.partition], (its) => offsets(topic, its, time, true))).get(
          id.partition
        ) ?? 0
      const [first, end] = await Promise.all([of(EARLIEST), of(LATEST)])
      return { first, end }
    })
  }

  /** Undefined: it is before what there is, or behind it. */
  #fetch({ id, topic }: Known, offset: number, maxBytes: number): Effect.Effect<Fetched | undefined, HeraldError> {
    const { brokers } = this.#of
    const { partition } = id
    return this.#ask(id, () =>
      brokers.ask(topic, partition, fetch({ topic, partition, offset }, maxBytes + BEYOND, true)).catch((cause) => {
        if (isRefused(cause) && cause.code === codes.OFFSET_OUT_OF_RANGE) return undefined
        throw cause
      })
    )
  }

  read(id: PartitionId, from: Place, maxBytes: number): Effect.Effect<Read | undefined, HeraldError> {
    return this.#twice(this.#read(id, from, maxBytes))
  }

  #read(id: PartitionId, from: Place, maxBytes: number): Effect.Effect<Read | undefined, HeraldError> {
    return Effect.gen({ self: this }, function* () {
      for (let tries = 0; tries < 3; tries++) {
        const known = yield* this.#find(id)
        if (known === undefined) return undefined
        const { history } = known
        const { epoch } = history
        const pieces: Array<Piece> = []
        let start = startOf(history, from)
        const rest = yield* Effect.promise(() => this.#opening.rest(partitionKey(id), epoch, start, maxBytes))
        if (rest !== undefined) {
          if (epoch !== from.epoch) rest.all.unshift({ is: "gap", from: from.offset, to: start, why: "epoch" })
          return { epoch, pieces: rest.all, next: rest.next }
        }
        let fetched = yield* this.#fetch(known, start, maxBytes)
        if (fetched === undefined) {
          const { first, end } = yield* this.#ends(id, known.topic)
          if (end < known.markedAt) {
            this.#doubt(id) // KH2
            continue
          }
          if (epoch !== from.epoch)
            pieces.push({ is: "gap", from: from.offset, to: Math.min(start, end), why: "epoch" })
          if (start >= end) return { epoch, pieces, next: Math.min(start, end) }
          if (start < first) pieces.push({ is: "gap", from: start, to: first, why: "retention" })
          start = Math.max(start, first)
          fetched = yield* this.#fetch(known, start, maxBytes)
          if (fetched === undefined) continue // it was cut meanwhile
        } else if (epoch !== from.epoch) pieces.push({ is: "gap", from: from.offset, to: start, why: "epoch" })
        known.end = Math.max(known.end, fetched.end)
        const batches = committedOf(decodeBatches(fetched.records), fetched.aborted)
        const found = yield* Effect.promise(() => this.#opening.read(known.sealer, epoch, batches, start, maxBytes))
        if (found.events > 0) known.mean = found.bytes / found.events
        return { epoch, pieces: [...pieces, ...found.all], next: found.next }
      }
      return yield* failure("TopicLogUnavailable", "the topic in Kafka is changing all the time")
    })
  }

  /** Of all partitions of a topic, in their order. */
  readonly bounds = (topic: number): Effect.Effect<ReadonlyArray<Bounds>, HeraldError> =>
    this.#twice(this.#bounds(topic))

  #bounds(topic: number): Effect.Effect<ReadonlyArray<Bounds>, HeraldError> {
    return Effect.gen({ self: this }, function* () {
      const its = yield* this.topic(topic)
      if (its === undefined) return []
      const all = Array.from({ length: its.partitions }, (_, partition) => partition)
      const name = kafkaName(its.name)
      const of = (time: number) =>
        this.#ask({ topic, partition: 0 }, () =>
          this.#of.brokers.askAll(name, all, (some) => offsets(name, some, time, true))
        )
      const [firsts, ends] = yield* Effect.all([of(EARLIEST), of(LATEST)], { concurrency: 2 })
      const bounds: Array<Bounds> = []
      for (const partition of all) {
        const id = { topic, partition }
        const [first, next] = [firsts.get(partition) ?? 0, ends.get(partition) ?? 0]
        const before = this.#known.get(partitionKey(id))
        if (before !== undefined && next < before.markedAt) this.#doubt(id) // KH2
        const known = yield* this.#find(id)
        if (known === undefined) continue
        known.end = Math.max(known.end, next)
        if (known.mean === 0 && first < next)
          yield* this.read(id, { epoch: known.history.epoch, offset: first }, SAMPLE)
        const { epoch, begun } = known.history
        const epochs = begun.slice(0, -1).map(([its]) => its)
        const bytes = Math.ceil(known.mean * (next - first))
        bounds.push({ ...id, epoch, first, next, bytes, ...(epochs.length > 0 && { before: epochs }) })
      }
      return bounds
    })
  }

  /** Those that were used lately and have more than before. `used`: milliseconds. */
  look(used: number): Effect.Effect<ReadonlyArray<PartitionId>, HeraldError> {
    return Effect.gen({ self: this }, function* () {
      const since = this.#of.now() - used
      const by = new Map<string, Array<Known>>()
      let count = 0
      for (const known of this.#known.values()) {
        if (known.used < since || ++count > LOOKED) continue
        const its = by.get(known.topic)
        if (its === undefined) by.set(known.topic, [known])
        else its.push(known)
      }
      const grown: Array<PartitionId> = []
      for (const [topic, all] of by) {
        const ends = yield* this.#ask(all[0]!.id, () =>
          this.#of.brokers.askAll(
            topic,
            all.map(({ id }) => id.partition),
            (some) => offsets(topic, some, LATEST, true)
          )
        )
        for (const known of all) {
          const end = ends.get(known.id.partition) ?? known.end
          if (end > known.end) grown.push(known.id)
          known.end = Math.max(known.end, end)
        }
      }
      return grown
    })
  }

  /** Marks what grew since the last time, where the last mark still fits. KH2 */
  get mark(): Effect.Effect<void, HeraldError> {
    return Effect.gen({ self: this }, function* () {
      const { brokers, state, now } = this.#of
      const due = now() - MARKED
      const grown = [...this.#known.values()]
        .filter(({ end, markedAt, markedWhen }) => end > markedAt && markedWhen <= due)
        .slice(0, LOOKED)
      const all: Array<PartitionId & Pick<History, "epoch" | "marks">> = []
      for (const known of grown) {
        const { id, topic, end, history } = known
        const fits = yield* verified(brokers, state, topic, id, history)
        if (fits?.epoch !== history.epoch) {
          this.#doubt(id)
          continue
        }
        const one = yield* this.#ask(id, () => markAt(brokers, topic, id.partition, end))
        known.markedAt = end
        known.markedWhen = now()
        if (one === undefined) continue
        known.history = { ...history, marks: marked(history.marks, one) }
        all.push({ ...id, epoch: history.epoch, marks: known.history.marks })
      }
      yield* state.mark(all)
    })
  }
}
