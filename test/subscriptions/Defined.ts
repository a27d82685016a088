/** A subscription as tests want it. */
import type { Subscription, SubscriptionType } from "../../src/subscriptions/Subscription.ts"

/** Milliseconds. */
export const TIMEOUT = 50

export const subscriptionOf = (type: SubscriptionType, change: Partial<Subscription> = {}): Subscription => ({
  ...{
    id: "s",
    topicId: 1,
    slices: 1,
    epoch: 1,
    version: 1,
    status: "active",
    reason: "",
    pausedUntil: null,
    createdAt: 0,
    createdBy: "",
    lastActivity: 0
  },
  ...{ topicName: "t", subscriptionName: "s", type, consumerGroup: "", filter: "", startPosition: { at: "earliest" } },
  ...{ maxAttempts: 3, deadLetterTopic: "dead", ackTimeoutMillis: TIMEOUT, backoffMillis: [10, 30], maxInFlight: 8 },
  ...change
})

export interface Hold {
  readonly partition: number
  readonly offset: number
  readonly token: number
  until: number
}

/** What is known of an event by who publishes and consumes alone. */
export interface Known {
  readonly hash: number | null
  accepted: boolean
  /** Accepted, and written. */
  durable: boolean
  /** Times among the dead letters. */
  buried: number
  /** The next attempt has this number at least, and at most. */
  least: number
  most: number
  /** Not before; unless a crash forgot it. */
  due: number
}

/** What is neither accepted, nor among the dead letters, nor trimmed: partition/offset. */
export const leftOf = (logs: ReadonlyArray<ReadonlyArray<Known>>, firsts: ReadonlyArray<number>) =>
  logs.flatMap((log, partition) =>
    log.flatMap(({ accepted, buried }, offset) =>
      accepted || buried > 0 || offset < firsts[partition]! ? [] : [`${partition}/${offset}`]
    )
  )
