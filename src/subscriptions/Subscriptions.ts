/**
 * Use cases on subscriptions. Every method checks `CurrentIdentity` for the topic that it touches.
 *
 *   SJ1  Where a subscription starts is found in the log when it is asked for, in each partition, and written with it: "latest" is the end at that
 *        moment, a time is the first event at or after it, an offset of what is kept no longer is the oldest that is.
 */
import { Context, Effect, Layer } from "effect"
import { requireTopic } from "../access/RequireTopic.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { Bounds } from "../topics/Piece.ts"
import type { Topic } from "../topics/Topic.ts"
import { TopicLog } from "../topics/TopicLog.ts"
import { TopicStore } from "../topics/TopicStore.ts"
import type { Begin } from "./Place.ts"
import { slicesOf } from "./Share.ts"
import { type Definition, definitionProblem, type StartPosition, type Subscription } from "./Subscription.ts"
import { SubscriptionStore } from "./SubscriptionStore.ts"

export class Subscriptions extends Context.Service<
  Subscriptions,
  {
    /** Fails `NotFound` for a topic that is not there, `InvalidInput`, `SubscriptionExists`, `SubscriptionsFull`. SJ1 */
    readonly create: (definition: Definition) => Effect.Effect<Subscription, HeraldError>
    /** Fails `NotFound`, as all that follow. */
    readonly get: (topicName: string, subscriptionName: string) => Effect.Effect<Subscription, HeraldError>
    readonly remove: (topicName: string, subscriptionName: string) => Effect.Effect<void, HeraldError>
    /** What was delivered before is refused. SM2, SJ1 */
    readonly seek: (
      topicName: string,
      subscriptionName: string,
      to: StartPosition
    ) => Effect.Effect<Subscription, HeraldError>
    /** `forMillis` null: until it is resumed. */
    readonly pause: (
      topicName: string,
      subscriptionName: string,
      forMillis: number | null
    ) => Effect.Effect<Subscription, HeraldError>
    /** Also what is in error: its event is tried once more. */
    readonly resume: (topicName: string, subscriptionName: string) => Effect.Effect<Subscription, HeraldError>
  }
>()("herald/subscriptions/Subscriptions") {
  static readonly layer = Layer.effect(
    Subscriptions,
    Effect.suspend(() => make)
  )
}

/** Milliseconds that a pause with an end may last. */
const LONGEST_PAUSE = 400 * 86_400_000

const make = Effect.gen(function* () {
  const store = yield* SubscriptionStore
  const topics = yield* TopicStore
  const log = yield* TopicLog

  const beginOf = Effect.fnUntraced(function* ({ topic, partition, epoch, first, next }: Bounds, start: StartPosition) {
    if (start.at === "earliest") return { partition, logEpoch: epoch, offset: first }
    if (start.at === "time") {
      const found = yield* log.find({ topic, partition }, start.millis)
      return { partition, logEpoch: found?.epoch ?? epoch, offset: found?.offset ?? next }
    }
    const wanted = start.at === "offsets" ? start.offsets[partition] : undefined
    return { partition, logEpoch: epoch, offset: Math.min(next, Math.max(first, wanted ?? next)) }
  })

  /** SJ1 */
  const beginsOf = Effect.fnUntraced(function* ({ id, name }: Pick<Topic, "id" | "name">, start: StartPosition) {
    const bounds = yield* log.bounds([id])
    if (bounds.length === 0) return yield* failure("NotFound", `there is no topic ${name}`)
    if (start.at === "offsets") {
      const wrong = Object.entries(start.offsets).find(
        ([partition, offset]) =>
          !bounds.some((one) => String(one.partition) === partition) || !Number.isSafeInteger(offset) || offset < 0
      )
      if (wrong !== undefined)
        return yield* failure("InvalidInput", `there is no place ${wrong[0]}/${wrong[1]} in ${name}`)
    }
    return yield* Effect.forEach(bounds, (one): Effect.Effect<Begin, HeraldError> => beginOf(one, start))
  })

  const find = Effect.fnUntraced(function* (topicName: string, subscriptionName: string) {
    yield* requireTopic("topics.consume", topicName)
    const found = yield* store.get(topicName, subscriptionName)
    return found ?? (yield* none(topicName, subscriptionName))
  })
  const none = (topicName: string, subscriptionName: string) =>
    failure("NotFound", `${topicName} has no subscription ${subscriptionName}`)

  const change = Effect.fnUntraced(function* (
    topicName: string,
    subscriptionName: string,
    status: "paused" | "active",
    pausedMillis: number | null
  ) {
    const found = yield* find(topicName, subscriptionName)
    const changed = yield* store.change(found, { status, reason: "", pausedMillis })
    return changed ?? (yield* none(topicName, subscriptionName))
  })

  return Subscriptions.of({
    create: Effect.fnUntraced(function* (definition) {
      const { topicName, deadLetterTopic, type, startPosition } = definition
      const { name: by } = yield* requireTopic("topics.consume", topicName)
      if (deadLetterTopic !== "") yield* requireTopic("topics.publish", deadLetterTopic)
      const problem = definitionProblem(definition)
      if (problem !== undefined) return yield* failure("InvalidInput", problem)
      const topic = yield* topics.get(topicName)
      if (topic === undefined) return yield* failure("NotFound", `there is no topic ${topicName}`)
      const begins = yield* beginsOf(topic, startPosition)
      return yield* store.create(
        { ...definition, topicId: topic.id, slices: slicesOf(type, topic.partitions) },
        begins,
        by
      )
    }),
    get: find,
    remove: Effect.fnUntraced(function* (topicName, subscriptionName) {
      yield* requireTopic("topics.consume", topicName)
      if (!(yield* store.remove(topicName, subscriptionName))) return yield* none(topicName, subscriptionName)
    }),
    seek: Effect.fnUntraced(function* (topicName, subscriptionName, to) {
      const { topicId } = yield* find(topicName, subscriptionName)
      const begins = yield* beginsOf({ id: topicId, name: topicName }, to)
      const sought = yield* store.seek(topicName, subscriptionName, begins)
      return sought ?? (yield* none(topicName, subscriptionName))
    }),
    pause: (topicName, subscriptionName, forMillis) =>
      forMillis !== null && !(Number.isSafeInteger(forMillis) && forMillis > 0 && forMillis <= LONGEST_PAUSE)
        ? failure("InvalidInput", "a pause with an end lasts 1 millisecond to 400 days")
        : change(topicName, subscriptionName, "paused", forMillis),
    resume: (topicName, subscriptionName) => change(topicName, subscriptionName, "active", null)
  })
})
