/** Translates between herald.topics.v1.SubscriptionManager and the model. Pure. */
import type {
  CreateSubscriptionRequest,
  ListRetryingResponse,
  Subscription,
  SubscriptionStats,
  UpdateSubscriptionRequest
} from "../../../../proto/generated/herald/topics/v1/managers.ts"
import { SubscriptionType as OnWire, type Start } from "../../../../proto/generated/herald/topics/v1/topics.ts"
import { failure, type HeraldError } from "../../../errors/HeraldError.ts"
import {
  type Subscription as Model,
  type SubscriptionChange,
  type SubscriptionType,
  statusAt
} from "../../../subscriptions/Subscription.ts"
import type { Retrying } from "../../../subscriptions/SubscriptionStore.ts"
import type { Named, SubscriptionStats as Stats, SubscriptionDraft } from "../../../subscriptions/Subscriptions.ts"
import type { Wanted } from "../../../subscriptions/Wanted.ts"
import { EPOCHS, type Place } from "../../../topics/MessageId.ts"
import { PARTITIONS } from "../../../topics/Topic.ts"

const invalid = (message: string) => failure("InvalidInput", message)

const types = new Map<OnWire, SubscriptionType>([
  // As over HTTP, where it may be left out.
  [OnWire.SUBSCRIPTION_TYPE_UNSPECIFIED, "shared"],
  [OnWire.SUBSCRIPTION_TYPE_EXCLUSIVE, "exclusive"],
  [OnWire.SUBSCRIPTION_TYPE_SHARED, "shared"],
  [OnWire.SUBSCRIPTION_TYPE_FAILOVER, "failover"],
  [OnWire.SUBSCRIPTION_TYPE_KEY_SHARED, "key_shared"]
])

const onWire: Readonly<Record<SubscriptionType, OnWire>> = {
  exclusive: OnWire.SUBSCRIPTION_TYPE_EXCLUSIVE,
  shared: OnWire.SUBSCRIPTION_TYPE_SHARED,
  failover: OnWire.SUBSCRIPTION_TYPE_FAILOVER,
  key_shared: OnWire.SUBSCRIPTION_TYPE_KEY_SHARED
}

export const typeOnWire = (type: SubscriptionType): OnWire => onWire[type]

/** What is beyond it is refused by the model as what it is not. */
const whole = (value: bigint): number =>
  value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(value)

/** Undefined: none is set. `field`: what it is called where it is. */
export const wantedOf = (start: Start | undefined, field: string): Wanted | undefined | HeraldError => {
  const at = start?.at
  if (at === undefined) return undefined
  if (at.$case === "earliest" || at.$case === "latest") return { at: at.$case }
  if (at.$case === "timeMs") {
    const millis = Number(at.value)
    return millis >= 0 && millis <= 8_640_000_000_000_000
      ? { at: "time", millis }
      : invalid(`${field}.time_ms is a time since 1970, in milliseconds`)
  }
  const { offsets, othersEarliest } = at.value
  const places = new Map<number, Place>()
  for (const { partition, epoch, offset } of offsets) {
    if (partition >= PARTITIONS || places.has(partition))
      return invalid(`${field}.offsets: partitions 0 to ${PARTITIONS - 1}, each once`)
    if (epoch < 1 || epoch >= EPOCHS) return invalid(`${field}.offsets: an offset means nothing without its epoch`)
    const at = whole(offset)
    if (!Number.isSafeInteger(at)) return invalid(`${field}.offsets: ${offset} is no offset`)
    places.set(partition, { epoch, offset: at })
  }
  return { at: "offsets", places, others: othersEarliest ? "earliest" : "usual" }
}

export const namedBy = ({ topic, name }: { readonly topic: string; readonly name: string }): Named => ({
  topicName: topic,
  subscriptionName: name
})

/** Numbers that are 0 are as they usually are. */
export const draftOf = (request: CreateSubscriptionRequest): SubscriptionDraft | HeraldError => {
  const type = types.get(request.type)
  if (type === undefined) return invalid(`type: ${request.type} is none`)
  const start = wantedOf(request.start, "start")
  if (start !== undefined && !("at" in start)) return start
  const { filter, consumerGroup, deadLetterTopic, maxAttempts, ackTimeoutMs, backoffMs, maxInFlight } = request
  return {
    ...namedBy(request),
    ...{ type, filter, consumerGroup, deadLetterTopic },
    ...(start === undefined ? {} : { start }),
    ...(maxAttempts === 0 ? {} : { maxAttempts }),
    ...(ackTimeoutMs === 0n ? {} : { ackTimeoutMillis: whole(ackTimeoutMs) }),
    ...(backoffMs.length === 0 ? {} : { backoffMillis: backoffMs.map(whole) }),
    ...(maxInFlight === 0 ? {} : { maxInFlight })
  }
}

/** What is left out stays. */
export const changeOf = (request: UpdateSubscriptionRequest): SubscriptionChange => {
  const { maxAttempts, deadLetterTopic, ackTimeoutMs, backoffMs, maxInFlight, consumerGroup } = request
  return {
    ...(maxAttempts === undefined ? {} : { maxAttempts }),
    ...(deadLetterTopic === undefined ? {} : { deadLetterTopic }),
    ...(ackTimeoutMs === undefined ? {} : { ackTimeoutMillis: whole(ackTimeoutMs) }),
    ...(backoffMs.length === 0 ? {} : { backoffMillis: backoffMs.map(whole) }),
    ...(maxInFlight === undefined ? {} : { maxInFlight }),
    ...(consumerGroup === undefined ? {} : { consumerGroup })
  }
}

export const retryingOf = (found: ReadonlyArray<Retrying>): ListRetryingResponse => ({
  events: found.map(({ partition, logEpoch: epoch, offset, attempts, alone: lastAttempt, cause, due }) => ({
    ...{ partition, epoch, offset: BigInt(offset), attempts, lastAttempt, cause },
    dueMs: millis(due)
  }))
})

const millis = (at: number): bigint => BigInt(Math.trunc(at))

/** `now`: milliseconds since 1970. */
export const subscriptionOf = (it: Model, now: number): Subscription => {
  const status = statusAt(it, now)
  return {
    ...{ subscriptionId: it.id, topic: it.topicName, name: it.subscriptionName, type: onWire[it.type] },
    ...{ filter: it.filter, status, reason: it.reason, maxAttempts: it.maxAttempts },
    ...{ deadLetterTopic: it.deadLetterTopic, ackTimeoutMs: BigInt(it.ackTimeoutMillis) },
    ...{ backoffMs: it.backoffMillis.map(BigInt), maxInFlight: it.maxInFlight, createdMs: millis(it.createdAt) },
    ...{ lastActivityMs: millis(it.lastActivity), consumerGroup: it.consumerGroup, createdBy: it.createdBy },
    epoch: BigInt(it.epoch),
    version: BigInt(it.version),
    pausedUntilMs: status === "paused" && it.pausedUntil !== null ? millis(it.pausedUntil) : 0n
  }
}

export const statsOf = (found: Stats, now: number): SubscriptionStats => ({
  subscription: subscriptionOf(found.subscription, now),
  cursors: found.partitions.map(({ partition, epoch, floor, end, holes, backlog }) => ({
    ...{ partition, epoch, holes },
    ...{ floor: BigInt(floor), end: BigInt(end), backlog: BigInt(backlog) }
  })),
  consumers: found.consumers,
  backlog: BigInt(found.partitions.reduce((sum, { backlog }) => sum + backlog, 0)),
  failed: BigInt(found.failed),
  deadLetters: BigInt(found.deadLetters),
  deadLettersWait: found.deadLettersWait
})
