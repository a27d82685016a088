/** Subscriptions and their dead letters as JSON. */
import { Schema } from "effect"
import { failure, type HeraldError } from "../../../errors/HeraldError.ts"
import { LONGEST_PAUSE } from "../../../subscriptions/Changes.ts"
import type { DeadLetter as Letter } from "../../../subscriptions/DeadLetter.ts"
import { MOST_LETTERS, type Replayed, type Which } from "../../../subscriptions/DeadLetters.ts"
import * as Model from "../../../subscriptions/Subscription.ts"
import type { SubscriptionStats as Stats, SubscriptionDraft } from "../../../subscriptions/Subscriptions.ts"
import { type Wanted, wantedOf } from "../../../subscriptions/Wanted.ts"
import { Plain } from "../../../text/Plain.ts"
import { messageOf } from "../../../topics/Message.ts"
import { messageIdText } from "../../../topics/MessageId.ts"
import { problemOf } from "../Problem.ts"

import { From, shownPayload } from "../topics/EventWire.ts"
import { Labels, Message, Problem, Stamp, stamp, stampOr, TopicName, Whole, within } from "../Wire.ts"

const { limits } = Model

const Name = Plain(1_000).annotate({ examples: ["billing"] })
export const Target = { topic: TopicName, subscription: Name }
export const LetterId = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }))
/** Characters of `<topic>:<subscription>`. */
export const CURSOR_LENGTH = 400

const Type = Schema.Literals(Model.types)

/**
 * `from`: `latest` unless it says otherwise, `earliest`, a message id, or a time. `filter`: CEL. `backoff`: milliseconds until the next attempt after
 * the first failure, the second, …; the last one repeats. Without `deadLetterTopic` an event that fails too often stops the subscription.
 */
export const SubscriptionBody = Schema.Struct({
  topic: TopicName,
  name: Name,
  type: Schema.optionalKey(Type),
  from: Schema.optionalKey(From),
  filter: Schema.optionalKey(Schema.String),
  consumerGroup: Schema.optionalKey(Plain(1_000)),
  maxAttempts: Schema.optionalKey(within(1, limits.attempts)),
  deadLetterTopic: Schema.optionalKey(Plain(1_000)),
  ackTimeoutMillis: Schema.optionalKey(within(limits.ackTimeoutMillis.least, limits.ackTimeoutMillis.most)),
  backoffMillis: Schema.optionalKey(
    Schema.Array(within(0, limits.backoffMillis)).check(
      Schema.makeFilter<ReadonlyArray<number>>(() => undefined, {
        toJsonSchema: () => ({ minItems: 1, maxItems: limits.backoffs })
      })
    )
  ),
  maxInFlight: Schema.optionalKey(within(1, limits.inFlight)),
  message: Schema.optionalKey(Message)
}).annotate({
  identifier: "SubscriptionBody",
  examples: [{ topic: "orders", name: "billing", type: "key_shared", from: "earliest" }]
})

const Changeable = SubscriptionBody.fields

/** What is left out stays. `expectedVersion`: fails unless this is its version. */
export const SubscriptionChangeBody = Schema.Struct({
  consumerGroup: Changeable.consumerGroup,
  maxAttempts: Changeable.maxAttempts,
  deadLetterTopic: Changeable.deadLetterTopic,
  ackTimeoutMillis: Changeable.ackTimeoutMillis,
  backoffMillis: Changeable.backoffMillis,
  maxInFlight: Changeable.maxInFlight,
  expectedVersion: Schema.optionalKey(Whole),
  message: Changeable.message
}).annotate({
  identifier: "SubscriptionChangeBody",
  examples: [{ maxAttempts: 5, message: "the bank is slow" }]
})

export const SeekBody = Schema.Struct({ to: From, message: Schema.optionalKey(Message) }).annotate({
  identifier: "SeekBody",
  examples: [{ to: "2026-11-27T06:00:00Z", message: "the bug is fixed" }]
})

/** `forMillis` left out: until it is resumed. */
export const PauseBody = Schema.Struct({
  forMillis: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: LONGEST_PAUSE }))),
  message: Schema.optionalKey(Message)
}).annotate({ identifier: "PauseBody", examples: [{ forMillis: 600_000 }] })

export const StopBody = Schema.Struct({ message: Schema.optionalKey(Message) }).annotate({
  identifier: "StopBody",
  examples: [{ message: "the bank moves" }]
})

export const ResumeBody = Schema.Struct({ message: Schema.optionalKey(Message) }).annotate({
  identifier: "ResumeBody",
  examples: [{ message: "the bank answers again" }]
})

/** `ids`, or `all`: the oldest 1,000. */
export const LettersBody = Schema.Struct({
  ids: Schema.optionalKey(
    Schema.Array(within(1, Number.MAX_SAFE_INTEGER)).check(
      Schema.makeFilter<ReadonlyArray<number>>(() => undefined, {
        toJsonSchema: () => ({ minItems: 1, maxItems: MOST_LETTERS })
      })
    )
  ),
  all: Schema.optionalKey(Schema.Literal(true))
}).annotate({ identifier: "LettersBody", examples: [{ ids: [17] }] })

/**
 * `status`: as it is now. `from`: where it began when it was created. `epoch` counts how often its position was set, `version` how often what is said
 * of it was changed.
 */
export const Subscription = Schema.Struct({
  id: Schema.String,
  topic: Schema.String,
  name: Schema.String,
  type: Type,
  status: Schema.Literals(Model.statuses),
  reason: Schema.String,
  pausedUntil: Schema.NullOr(Schema.Finite),
  pausedUntilTime: Schema.NullOr(Stamp),
  from: Schema.String,
  filter: Schema.String,
  consumerGroup: Schema.String,
  maxAttempts: Whole,
  deadLetterTopic: Schema.String,
  ackTimeoutMillis: Whole,
  backoffMillis: Schema.Array(Whole),
  maxInFlight: Whole,
  epoch: Whole,
  version: Whole,
  createdAt: Schema.Finite,
  createdTime: Stamp,
  createdBy: Schema.String,
  lastActivityAt: Schema.Finite,
  lastActivityTime: Stamp
}).annotate({ identifier: "Subscription" })
export type Subscription = typeof Subscription.Type

/** `next`: give it as `after` for the next page; null at the end. */
export const SubscriptionList = Schema.Struct({
  subscriptions: Schema.Array(Subscription),
  next: Schema.NullOr(Schema.String)
})
export type SubscriptionList = typeof SubscriptionList.Type

/**
 * Of a partition: `floor`: everything below it is done. `end`: the offset that is given next. `backlog`: events that are not done, at most. `holes`:
 * ranges that are done above the floor.
 */
const PartitionBacklog = Schema.Struct({
  partition: Whole,
  epoch: Whole,
  floor: Whole,
  end: Whole,
  backlog: Whole,
  holes: Whole
})
/** `failed`: events that failed and are tried again. `deadLettersWait`: why none can go to their topic. `consumers`: of all nodes. */
export const SubscriptionStats = Schema.Struct({
  subscription: Subscription,
  backlog: Whole,
  failed: Whole,
  deadLetters: Whole,
  deadLettersWait: Schema.String,
  consumers: Whole,
  partitions: Schema.Array(PartitionBacklog)
}).annotate({ identifier: "SubscriptionStats" })
export type SubscriptionStats = typeof SubscriptionStats.Type

/** `reason`: `rejected` by a consumer, or failed as often as it may (`attempts`). `cause`: what was said last. `refused`: why its topic does not take it; empty where nothing says so. Its event is as topics show it. */
export const DeadLetter = Schema.Struct({
  id: Whole,
  eventId: Schema.String,
  partition: Whole,
  epoch: Whole,
  offset: Whole,
  reason: Schema.Literals(["rejected", "attempts"]),
  cause: Schema.String,
  attempts: Whole,
  deadLetterTopic: Schema.String,
  refused: Schema.String,
  at: Schema.Finite,
  time: Stamp,
  publishedAt: Schema.NullOr(Schema.Finite),
  publishedTime: Schema.NullOr(Stamp),
  occurredAt: Schema.NullOr(Schema.Finite),
  occurredTime: Schema.NullOr(Stamp),
  key: Schema.NullOr(Schema.String),
  headers: Labels,
  value: Schema.optionalKey(Schema.Unknown),
  base64: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "DeadLetter" })
export type DeadLetter = typeof DeadLetter.Type

/** `next`: give it as `after` for the next page, which may be due before `limit` is reached; null at the end. */
export const DeadLetterList = Schema.Struct({
  deadLetters: Schema.Array(DeadLetter),
  next: Schema.NullOr(Whole)
}).annotate({ identifier: "DeadLetterList" })
export type DeadLetterList = typeof DeadLetterList.Type

/** `more`: there are others; ask again. */
export const ReplayedLetters = Schema.Struct({
  replayed: Schema.Array(Whole),
  failed: Schema.Array(Schema.Struct({ id: Whole, problem: Problem })),
  more: Schema.Boolean
}).annotate({ identifier: "ReplayedLetters" })
export type ReplayedLetters = typeof ReplayedLetters.Type

export const DroppedLetters = Schema.Struct({ dropped: Whole, more: Schema.Boolean }).annotate({
  identifier: "DroppedLetters"
})
export type DroppedLetters = typeof DroppedLetters.Type

const invalid = (message: string) => failure("InvalidInput", message)

export const wanted = (text: string, topic: string): Wanted | HeraldError => {
  const found = wantedOf(text, topic)
  return typeof found === "string" ? invalid(found) : found
}

export const draftOf = (body: typeof SubscriptionBody.Type): SubscriptionDraft | HeraldError => {
  const { message: _, topic, name, type = "shared", from, ...rest } = body
  const start = from === undefined ? undefined : wanted(from, topic)
  if (start !== undefined && !("at" in start)) return start
  return { topicName: topic, subscriptionName: name, type, ...rest, ...(start === undefined ? {} : { start }) }
}

export const whichOf = ({ ids, all }: typeof LettersBody.Type): Which | HeraldError => {
  if ((ids === undefined) === (all === undefined)) return invalid("either ids or all is given")
  return ids === undefined ? { all: true } : { ids }
}

export const startText = (start: Model.StartPosition): string => {
  if (start.at === "time") return stamp(start.millis)
  if (start.at !== "offsets") return start.at
  return Object.entries(start.offsets)
    .map(([partition, offset]) => `${partition}:${offset}`)
    .join(",")
}

/** `now`: milliseconds since 1970. */
export const subscription = (it: Model.Subscription, now: number): Subscription => {
  const status = Model.statusAt(it, now)
  const pausedUntil = status === "paused" ? it.pausedUntil : null
  return {
    ...{ id: it.id, topic: it.topicName, name: it.subscriptionName, type: it.type, status, reason: it.reason },
    ...{ pausedUntil, pausedUntilTime: stampOr(pausedUntil), from: startText(it.startPosition), filter: it.filter },
    ...{ consumerGroup: it.consumerGroup, maxAttempts: it.maxAttempts, deadLetterTopic: it.deadLetterTopic },
    ...{ ackTimeoutMillis: it.ackTimeoutMillis, backoffMillis: it.backoffMillis, maxInFlight: it.maxInFlight },
    ...{
      epoch: it.epoch,
      version: it.version,
      createdAt: it.createdAt,
      createdTime: stamp(it.createdAt),
      createdBy: it.createdBy
    },
    ...{ lastActivityAt: it.lastActivity, lastActivityTime: stamp(it.lastActivity) }
  }
}

export const stats = (found: Stats, now: number): SubscriptionStats => ({
  subscription: subscription(found.subscription, now),
  backlog: found.partitions.reduce((sum, { backlog }) => sum + backlog, 0),
  ...{
    failed: found.failed,
    deadLetters: found.deadLetters,
    deadLettersWait: found.deadLettersWait,
    consumers: found.consumers
  },
  partitions: found.partitions
})

/** As JSON text. TK5 */
export const letterText = (letter: Letter, topic: string): string => {
  const { id, partition, logEpoch: epoch, offset, reason, cause, attempts, at, publishedAt } = letter
  const { key, payload, headers, eventTime } = messageOf(letter.event)
  const before = JSON.stringify({
    ...{ id, eventId: messageIdText({ topic, partition, epoch, offset }), partition, epoch, offset, reason, cause },
    ...{ attempts, deadLetterTopic: letter.topic, refused: letter.refused, at, time: stamp(at), publishedAt },
    ...{ publishedTime: stampOr(publishedAt), occurredAt: eventTime, occurredTime: stampOr(eventTime), key },
    headers: Object.fromEntries(headers)
  })
  return `${before.slice(0, -1)},${shownPayload(payload)}}`
}

export const replayed = ({ replayed, failed, more }: Replayed): ReplayedLetters => ({
  ...{ replayed, more },
  failed: failed.map(({ id, error }) => ({ id, problem: problemOf(error) }))
})
