/** What a node knows of partitions in Kafka, and how they are read. It is bounded in entries, and as of at most a second ago where it may change. */
import { Effect } from "effect"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"
import type { History, LogState, LogTopic } from "../../../src/topics/LogState.ts"
import type { Place } from "../../../src/topics/MessageId.ts"
import { type Bounds, type PartitionId, type Piece, partitionKey, type Read } from "../../../src/topics/Piece.ts"
import { kafkaName } from "../../../src/topics/Topic.ts"
import { type Brokers, isRefused } from "./Brokers.ts"
import { fetchFrom } from "./ById.ts"
import { beforeOf, startOf, verified } from "./Histories.ts"
import { type Grown, type Known, type KnownOptions, lookAt, markThose } from "./Known.ts"
import { Names, sealerOf } from "./Names.ts"
import { Opening } from "./Opening.ts"
import { codes, EARLIEST, type Fetched, LATEST } from "./Protocol.ts"
import { committedOf, decodeBatches } from "./RecordBatch.ts"
import { away } from "./Waiting.ts"

const MOST = 50_000
/** Bytes that are asked for besides: what is cut off by the bound is not given. */
const BEYOND = 16_384
/** Bytes of events by which their mean size is guessed. */
const SAMPLE = 4_096

/** How far a topic's partitions go, by Kafka. */
export interface Ends {
  readonly topic: number
  readonly partitions: number
  readonly firsts: ReadonlyMap<number, number>
  readonly nexts: ReadonlyMap<number, number>
}

const orElse = <A>(known: A | undefined, look: () => Effect.Effect<A, HeraldError>): Effect.Effect<A, HeraldError> =>
  known === undefined ? look() : Effect.succeed(known)

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
  readonly #kept: KnownOptions

  constructor(of: PartitionsOptions) {
    this.#of = of
    const changed = (topic: number) => {
      for (const { id } of this.#known.values()) if (id.topic === topic) this.#doubt(id) // KH2
    }
    this.#names = new Names({ ...of, changed })
    this.#kept = {
      ...{ ...of, names: this.#names, all: () => this.#known.values() },
      ...{ ask: (ids, run) => this.#ask(ids, run), doubt: (id) => this.#doubt(id) }
    }
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

  #ask<A>(ids: ReadonlyArray<PartitionId>, run: () => Promise<A>): Effect.Effect<A, HeraldError> {
    return Effect.tryPromise({
      try: run,
      catch: (cause) => {
        for (const id of ids) this.#doubt(id)
        if (isRefused(cause) && cause.code === codes.UNKNOWN_TOPIC_OR_PARTITION)
          for (const { topic } of ids.slice(0, 1)) this.#names.forget(topic)
        return away(cause)
      }
    })
  }

  /** `histories`: of its topic, where they are known already. */
  #find(id: PartitionId, histories?: ReadonlyMap<number, History>): Effect.Effect<Known | undefined, HeraldError> {
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
      const last = (histories ?? (yield* state.histories(id.topic))).get(id.partition)
      const history = yield* verified(brokers, state, name, id, last, this.#names.sure(id.topic))
      if (history === undefined) return undefined
      const markedAt = history.marks.at(-1)?.offset ?? 0
      const known: Known = {
        ...{
          id,
          topic: name,
          madeAs: topic.madeAs,
          sealer: sealerOf(id, topic),
          history,
          end: markedAt,
          markedAt,
          markedWhen: 0
        },
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

  #endsOf(id: PartitionId, topic: string) {
    return this.#ask([id], async () => {
      const of = async (time: number) =>
        (await this.#of.brokers.offsets({ topic, partitions: [id.partition], time }, true)).get(id.partition) ?? 0
      const [first, end] = await Promise.all([of(EARLIEST), of(LATEST)])
      return { first, end }
    })
  }

  /** Undefined: it is before what there is, or behind it. */
  #fetch(
    { id, topic, madeAs }: Known,
    offset: number,
    maxBytes: number
  ): Effect.Effect<Fetched | undefined, HeraldError> {
    const { brokers } = this.#of
    const { partition } = id
    return this.#ask([id], () =>
      brokers
        .ask(topic, partition, fetchFrom({ topic, id: madeAs, partition, offset }, maxBytes + BEYOND, true))
        .catch((cause) => {
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
          const { first, end } = yield* this.#endsOf(id, known.topic)
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

  /** Asks for what is to be known of these topics before all else at once. KQ5 */
  readonly prepare = (topics: ReadonlyArray<number>): Effect.Effect<void, HeraldError> => this.#names.prepare(topics)

  /** By Kafka, in as few requests as all that is asked of it now allows (KQ4); undefined: there is no such topic (any more). */
  readonly ends = (topic: number): Effect.Effect<Ends | undefined, HeraldError> => this.#twice(this.#ends(topic))

  #ends(topic: number): Effect.Effect<Ends | undefined, HeraldError> {
    return Effect.gen({ self: this }, function* () {
      const its = yield* this.#names.ours(topic) // KM3
      if (its === undefined) return undefined
      const partitions = Array.from({ length: its.partitions }, (_, partition) => partition)
      const ids = partitions.map((partition) => ({ topic, partition }))
      const name = kafkaName(its.name)
      const [firsts, nexts] = yield* this.#ask(ids, () => {
        const of = (time: number) => this.#of.brokers.offsets({ topic: name, partitions, time }, true)
        return Promise.all([of(EARLIEST), of(LATEST)])
      })
      return { topic, partitions: its.partitions, firsts, nexts }
    })
  }

  /** In the order of partitions, without those of which nothing is known. */
  #boundsIn({ topic, partitions, firsts, nexts }: Ends) {
    const all = Array.from({ length: partitions }, (_, partition) => {
      const id = { topic, partition }
      const [first, next] = [firsts.get(partition) ?? 0, nexts.get(partition) ?? 0]
      return { id, first, next, known: this.#known.get(partitionKey(id)) }
    })
    /** What is not known of one is guessed by the others. */
    const mean = all.find(({ known }) => known !== undefined && known.mean > 0)?.known?.mean ?? 0
    const bounds: Array<Bounds> = []
    for (const { id, first, next, known } of all) {
      if (known === undefined) continue
      known.end = Math.max(known.end, next)
      known.used = this.#of.now()
      const bytes = Math.ceil((known.mean === 0 ? mean : known.mean) * (next - first))
      bounds.push({ ...id, epoch: known.history.epoch, first, next, bytes, ...beforeOf(known.history) })
    }
    const isWhole = bounds.length === partitions && all.every(({ known, next }) => next >= known!.markedAt)
    return { all, bounds, mean, isWhole }
  }

  /** How far a topic goes, if all that is needed for that is known; undefined: `bounded` finds it out. */
  readonly known = (ends: Ends): ReadonlyArray<Bounds> | undefined => {
    const { all, bounds, mean, isWhole } = this.#boundsIn(ends)
    return isWhole && (mean > 0 || all.every(({ first, next }) => first >= next)) ? bounds : undefined
  }

  readonly bounded = (ends: Ends): Effect.Effect<ReadonlyArray<Bounds>, HeraldError> =>
    Effect.gen({ self: this }, function* () {
      let { all, mean } = this.#boundsIn(ends)
      for (const { id, known, next } of all) if (known !== undefined && next < known.markedAt) this.#doubt(id) // KH2
      const histories = yield* this.#of.state.histories(ends.topic)
      for (const { id, first, next } of all) {
        const known = yield* this.#find(id, histories)
        if (known === undefined || first >= next || mean > 0) continue
        yield* this.read(id, { epoch: known.history.epoch, offset: first }, SAMPLE)
        if (known.mean === 0) known.mean = 1 // it is not looked at again for that
        mean = known.mean
      }
      return this.#boundsIn(ends).bounds
    })

  /** Of one topic: see `ends`. */
  readonly bounds = (topic: number): Effect.Effect<ReadonlyArray<Bounds>, HeraldError> =>
    Effect.flatMap(this.ends(topic), (ends) =>
      ends === undefined ? Effect.succeed([]) : orElse(this.known(ends), () => this.bounded(ends))
    )

  look(used: number): Effect.Effect<Grown> {
    return lookAt(this.#kept, used)
  }

  get mark(): Effect.Effect<void, HeraldError> {
    return markThose(this.#kept)
  }

  /** What others made under names of Herald's is looked at again. KM3 */
  get recall(): Effect.Effect<void> {
    return this.#names.recall
  }
}
