/**
 * The use cases of those who publish: a batch of events into a topic's partitions.
 *
 *   TV1  A batch is checked whole before any of it is appended: one event that is wrong refuses all, by its place in the batch.
 *   TV2  Events of one key are in one partition, in their order. Those of a batch that have none go into one partition together, another with each batch.
 *   TV3  Of a batch that goes into several partitions each part is in the log or not, and the answer says of each event which. What is said not to be is not,
 *        unless it is said that this is unknown.
 *   TV4  Bytes of events that are under way are bounded, of all and of one principal: more are refused with the time to wait.
 *   TV5  With a producer, all events of a batch are of one partition; what it sends again is answered with the places that it has.
 *   TV6  Whoever publishes names neither another principal's producer nor one of Herald's own, and sets no header of Herald's own.
 *   TV7  What a topic says of packing is what its log is told of every batch.
 */
import { Clock, Context, Effect, Fiber, Layer, Metric } from "effect"
import { ByteBudget } from "../bounds/ByteBudget.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { counter, each } from "../telemetry/Metrics.ts"
import { excerpt } from "../text/Excerpt.ts"
import { Activity } from "./Activity.ts"
import type { Producing } from "./Batch.ts"
import { makeFitSchema, tooLarge, wrongEvent, wrongProducer, wrongProducing } from "./Checked.ts"
import { KnownTopics, noSuchTopic } from "./KnownTopics.ts"
import { BATCH_EVENTS } from "./Limits.ts"
import { Logs, noLog } from "./Logs.ts"
import type { Message } from "./Message.ts"
import { owned, ownedProducer, producerOf } from "./Owned.ts"
import { type Part, parted } from "./Parted.ts"
import type { Topic } from "./Topic.ts"
import { type Opened, TopicStore } from "./TopicStore.ts"
import { permitted } from "./Topics.ts"
import { errorOf, worst } from "./Unplaced.ts"

export interface PublishingOptions {
  /** Bytes of one event. */
  readonly eventBytes: number
  /** Of events that are under way at the same time. TV4 */
  readonly underWayBytes: number
}

/** A batch's place among others. */
export interface Turn {
  /** Waits until those before it have begun to be appended, or never will. */
  readonly mine: Effect.Effect<void>
  /** Told when there is room for its bytes: whoever waits for room holds none. TV4 */
  readonly roomed: () => void
  /** Told when this one has begun. */
  readonly begun: () => void
}

export interface Wish {
  readonly topic: string
  readonly events: ReadonlyArray<Message>
  /** Undefined: by key. TV2 */
  readonly partition?: number | undefined
  readonly producing?: Producing | undefined
  /** They were in a topic before, and are put into one again: headers of Herald's own stay. TV6 */
  readonly again?: boolean
  /** Whose turn it is to append, among batches that keep their order; at once, where none is given. */
  readonly turn?: Turn | undefined
  /** Nanoseconds of the monotonic clock, when its caller stops to wait: nothing is begun later. */
  readonly until?: bigint | undefined
}

/** Which events of the batch; undefined: all. */
type Indexes = ReadonlyArray<number> | undefined

/** Events that follow each other in the log. */
export interface PlacedEvents {
  readonly partition: number
  readonly epoch: number
  /** Of the first; undefined: they are there, and so old that it is not remembered where. */
  readonly offset: number | undefined
  readonly count: number
  readonly duplicate: boolean
  readonly indexes: Indexes
}

/** Events that were not placed, and why. */
export interface UnplacedEvents {
  readonly partition: number
  readonly indexes: ReadonlyArray<number>
  readonly error: HeraldError
}

export interface Published {
  readonly topic: Topic
  /** One at least. */
  readonly placed: ReadonlyArray<PlacedEvents>
  readonly failed: ReadonlyArray<UnplacedEvents>
}

export class Publishing extends Context.Service<
  Publishing,
  {
    /**
     * Returns when what is placed is as durable as its log. Fails when nothing was placed: `InvalidInput`, `InvalidEvent`, `TooLarge`, `NoSuchTopic`,
     * `TopicDisabled`, `PublishingBusy` (details.retryAfterMillis), `ProducerFenced`, `SequenceGap` (details.expected), `UnknownProducer`, `Timeout`,
     * `OutcomeUnknown`, and as the log.
     */
    readonly publish: (wish: Wish) => Effect.Effect<Published, HeraldError>
    /** Gives the producer a new epoch, which fences those before. Fails `InvalidInput`, `NoSuchTopic`, `ProducersFull`, and as the store. */
    readonly open: (
      topic: string,
      producer: string
    ) => Effect.Effect<Opened & { readonly partitions: number }, HeraldError>
  }
>()("herald/topics/Publishing") {
  static readonly layer = (options: PublishingOptions) => Layer.effect(Publishing, make(options))
}

const events = counter(
  "herald_topic_events_published_total",
  "events that were published to topics: placed in the log, there already, refused or failed",
  each("outcome", ["placed", "duplicate", "failed"])
)
const [placed, duplicate, failed] = (["placed", "duplicate", "failed"] as const).map((outcome) =>
  Metric.withAttributes(events, { outcome })
) as [typeof events, typeof events, typeof events]

const invalid = (message: string) => failure("InvalidInput", message)

/** Milliseconds after which to come again. */
const AGAIN = 100
/** About how many bytes of memory. */
const weightOf = ({ key, payload, headers }: Message): number => {
  let weight = 128 + payload.length + 2 * (key?.length ?? 0)
  for (const [name, value] of headers) weight += 64 + 2 * (name.length + value.length)
  return weight
}

const make = Effect.fnUntraced(function* (options: PublishingOptions) {
  const store = yield* TopicStore
  const known = yield* KnownTopics
  const logs = yield* Logs
  const fitSchema = yield* makeFitSchema
  const activity = yield* Activity
  const clock = yield* Clock.Clock
  const budget = new ByteBudget(options.underWayBytes, Math.floor((options.underWayBytes * 3) / 4))
  let turn = 0

  /** Gives the room that events take while they are under way. TV4 */
  const room = (bytes: number, owner: string): Effect.Effect<() => void, HeraldError> =>
    budget.take(bytes, owner)
      ? Effect.succeed(() => budget.give(bytes, owner))
      : Effect.fail(
          failure(
            "PublishingBusy",
            `${budget.taken} bytes of events are under way on this node, ${budget.takenBy(owner)} of them yours`,
            { details: { retryAfterMillis: AGAIN } }
          )
        )

  const append = Effect.fnUntraced(function* (topic: Topic, parts: ReadonlyArray<Part>, producing?: Producing) {
    const log = logs.of(topic.log)
    if (log === undefined) return yield* noLog(topic.log)
    const who = excerpt(producerOf(producing?.producer ?? ""))
    const one = ({ partition, frame }: Part) =>
      Effect.suspend(() => {
        const answered = activity.pressure.begin({ topic: topic.id, partition }, topic.name, frame.bytes.length)
        const appended = log.append({
          topic: topic.id,
          partition,
          events: frame,
          compression: topic.compression,
          producing
        })
        return Effect.result(Effect.ensuring(appended, Effect.sync(answered)))
      })
    const done =
      parts.length === 1 ? [yield* one(parts[0]!)] : yield* Effect.forEach(parts, one, { concurrency: "unbounded" })
    const placedEvents: Array<PlacedEvents> = []
    const unplaced: Array<UnplacedEvents> = []
    for (const [at, result] of done.entries()) {
      const { partition, indexes, frame } = parts[at]!
      const error =
        result._tag === "Failure"
          ? result.failure
          : result.success.is === "placed"
            ? undefined
            : errorOf(result.success, topic.name, who)
      if (error !== undefined || result._tag === "Failure") {
        const its = indexes ?? Array.from({ length: frame.count }, (_, index) => index)
        unplaced.push({ partition, indexes: its, error: error! })
        continue
      }
      if (result.success.is !== "placed") continue
      const { epoch, placed } = result.success
      let from = 0
      for (const { offset, count, duplicate } of placed) {
        const whole = indexes === undefined && placed.length === 1
        const its = whole
          ? undefined
          : (indexes?.slice(from, from + count) ?? Array.from({ length: count }, (_, n) => from + n))
        placedEvents.push({ partition, epoch, offset, count, duplicate, indexes: its })
        from += count
      }
    }
    const gone = done.some((result) => result._tag === "Success" && result.success.is === "gone")
    return { placed: placedEvents, failed: unplaced, gone }
  })

  const counted = (topic: Topic, all: Omit<Published, "topic">) =>
    Effect.suspend(() => {
      const sum = (those: ReadonlyArray<{ readonly count: number }>) => those.reduce((n, { count }) => n + count, 0)
      const fresh = sum(all.placed.filter((one) => !one.duplicate))
      activity.published(topic.id, fresh)
      const again = sum(all.placed) - fresh
      const counts = Metric.update(placed, fresh)
      const refused = sum(all.failed.map(({ indexes }) => ({ count: indexes.length })))
      if (again === 0 && refused === 0) return counts
      activity.refused(topic.id, refused)
      return Effect.all([counts, Metric.update(duplicate, again), Metric.update(failed, refused)], { discard: true })
    })

  const inTurn = <A, E>({ mine, begun }: Turn, appended: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.gen(function* () {
      yield* mine
      const appending = yield* Effect.forkChild(appended, { startImmediately: true })
      begun()
      return yield* Fiber.join(appending)
    })

  const into = Effect.fnUntraced(function* (topic: Topic, wish: Wish) {
    const { events: all, partition, producing, until } = wish
    const parts = parted(all, topic, { partition, turn: turn++, alone: producing !== undefined })
    if (typeof parts === "string") return yield* invalid(parts)
    const wrong = tooLarge(parts, options.eventBytes)
    if (wrong !== undefined) return yield* wrong
    yield* fitSchema(topic, all)
    if (until !== undefined && clock.monotonicTimeNanosUnsafe() >= until)
      return yield* failure("Timeout", "the caller's time was over before anything was appended; nothing will be")
    const { gone, ...done } = yield* wish.turn === undefined
      ? append(topic, parts, producing)
      : inTurn(wish.turn, append(topic, parts, producing))
    if (gone) known.doubted(topic.name) // by now another one may have this name
    yield* counted(topic, done)
    return done.placed.length === 0 ? yield* worst(done.failed) : { topic, ...done }
  })

  // Without a span of its own: a stream has thousands of batches a second.
  const publish = Effect.fnUntraced(function* (wish: Wish) {
    const { topic: name, events: all, producing } = wish
    const identity = yield* permitted("topics.publish", name)
    if (all.length === 0) return yield* invalid("events: there is none")
    if (all.length > BATCH_EVENTS)
      return yield* invalid(`events: there are ${all.length}, at most ${BATCH_EVENTS} are allowed`)
    const wrong = producing === undefined ? undefined : wrongProducing(producing)
    if (wrong !== undefined) return yield* invalid(wrong)
    const topic = yield* known.find(name)
    if (!topic.enabled) return yield* failure("TopicDisabled", `${name} is disabled`)
    const leave = yield* room(
      all.reduce((sum, event) => sum + weightOf(event), 0),
      identity.name
    )
    wish.turn?.roomed()
    const checked = wrongEvent(all, wish.again === true)
    return yield* Effect.ensuring(
      checked === undefined
        ? into(topic, { ...wish, producing: owned(producing, identity.name) })
        : Effect.fail(checked),
      Effect.sync(leave)
    )
  })

  const open = Effect.fn("Publishing.open")(function* (name: string, producer: string) {
    const identity = yield* permitted("topics.publish", name)
    const wrong = wrongProducer(producer)
    if (wrong !== undefined) return yield* invalid(wrong)
    const topic = yield* known.find(name)
    const its = ownedProducer(identity.name, producer) // TV6
    const opened = yield* store.open(topic.id, its)
    if (opened !== undefined) {
      const elsewhere = logs.of(topic.log)?.elsewhere
      const sequences = elsewhere === undefined ? opened.sequences : yield* elsewhere.open(topic.id, its)
      return { ...opened, sequences, partitions: topic.partitions }
    }
    known.doubted(name)
    return yield* noSuchTopic(name)
  })

  return Publishing.of({ publish, open })
})
