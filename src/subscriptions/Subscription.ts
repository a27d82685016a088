/**
 * What a subscription is: who takes part in the events of a topic, how they are shared out, and what becomes of one that fails. Pure.
 *
 *   SI1  Where it starts is fixed when it is created, and kept: consumers that come and go later change nothing of it.
 *   SI2  An event is tried at least once and at most `maxAttempts` times; there is no limit that stands for none.
 *   SI4  What is changed of it while it is there takes nothing back: no event that counts as done or failed counts otherwise, and one that has used up
 *        its attempts is among the dead letters as soon as there is a topic for them.
 *   SI5  That it was moved or changed is known by what is counted: a store whose clock was set back hides none of it.
 *   SI3  Its shares are fixed by its type and the partitions of its topic: each event is in exactly one, and partitions that are added add shares.
 */
import { exceeds, textProblem } from "../values/Value.ts"

export const types = ["exclusive", "shared", "failover", "key_shared"] as const
/**
 * exclusive: one consumer. failover: one at a time, the others stand by. shared: any, in no order. key_shared: any, and events of a key one after the
 * other at the same one.
 */
export type SubscriptionType = (typeof types)[number]

export const statuses = ["active", "paused", "error", "stopped"] as const
export type SubscriptionStatus = (typeof statuses)[number]

/** As `Definition.startPosition` has it; an offset is never a time. */
export type StartPosition =
  | { readonly at: "earliest" }
  | { readonly at: "latest" }
  /** Milliseconds since 1970, by when Herald had the event. */
  | { readonly at: "time"; readonly millis: number }
  /** By partition; partitions that are left out begin with what is new. */
  | { readonly at: "offsets"; readonly offsets: Readonly<Record<number, number>> }

/** What may be said of a subscription. */
export interface Definition {
  readonly topicName: string
  readonly subscriptionName: string
  readonly type: SubscriptionType
  /** Names who consumes, for operators; "" for nobody in particular. */
  readonly consumerGroup: string
  /** CEL; "" for all events. */
  readonly filter: string
  readonly startPosition: StartPosition
  readonly maxAttempts: number
  /** A topic; "" for none: an event that fails too often stops the subscription. */
  readonly deadLetterTopic: string
  /** Milliseconds that a delivery may take before it counts as failed. */
  readonly ackTimeoutMillis: number
  /** Milliseconds until the next attempt, after the first failure, the second, …; the last one repeats. */
  readonly backoffMillis: ReadonlyArray<number>
  /** Deliveries that nobody has answered yet, at most, over all nodes. */
  readonly maxInFlight: number
}

/**
 * What may be changed while it is there. Its type and where it begins decide what was shared out to whom, its filter what of the past is done: who
 * wants another makes another.
 */
export type Changeable = Pick<
  Definition,
  "consumerGroup" | "maxAttempts" | "deadLetterTopic" | "ackTimeoutMillis" | "backoffMillis" | "maxInFlight"
>
export type SubscriptionChange = Partial<Changeable>

export interface Subscription extends Definition {
  /** Never given to another one, not even to one of the same name. */
  readonly id: string
  readonly topicId: number
  /** Into how many parts each partition is cut. */
  readonly slices: number
  /** Grows whenever its position is set anew: what was delivered before is refused. */
  readonly epoch: number
  /** Counts changes of what is said of it, from 1. */
  readonly version: number
  readonly status: SubscriptionStatus
  /** Why it is in error; "" when it is not. */
  readonly reason: string
  /** Milliseconds since 1970 by the store's clock, as are the other times; null: until it is resumed. */
  readonly pausedUntil: number | null
  readonly createdAt: number
  readonly createdBy: string
  /** When a consumer was here last, or its definition changed. */
  readonly lastActivity: number
}

export const defaults = {
  consumerGroup: "",
  filter: "",
  maxAttempts: 16,
  deadLetterTopic: "",
  ackTimeoutMillis: 30_000,
  backoffMillis: [1_000, 5_000, 30_000, 60_000, 300_000],
  maxInFlight: 1_000
} as const

export const limits = {
  /** Characters of a subscription's name. */
  name: 128,
  /** Bytes of a filter. */
  filter: 4_096,
  attempts: 1_000,
  ackTimeoutMillis: { least: 100, most: 43_200_000 },
  backoffs: 32,
  backoffMillis: 86_400_000,
  inFlight: 10_000,
  /** Subscriptions of one topic. */
  perTopic: 1_000
} as const

const isName = (text: string): boolean => /^[a-zA-Z0-9][a-zA-Z0-9._-]*$/.test(text)
export const isSubscriptionName = (text: string): boolean => text.length <= limits.name && isName(text)
const isWhole = (value: number, least: number, most: number): boolean =>
  Number.isInteger(value) && value >= least && value <= most

/** What can't be, as a sentence without its stop; undefined: nothing. */
export const definitionProblem = (it: Definition): string | undefined => {
  if (!isName(it.subscriptionName) || it.subscriptionName.length > limits.name)
    return `the name of a subscription has at most ${limits.name} letters, digits, dots, dashes and underscores, and begins with a letter or a digit`
  if (it.consumerGroup !== "" && (!isName(it.consumerGroup) || it.consumerGroup.length > limits.name))
    return `the name of a consumer group has at most ${limits.name} letters, digits, dots, dashes and underscores, and begins with a letter or a digit`
  if (exceeds(it.filter, limits.filter)) return `filter: it has at most ${limits.filter} bytes`
  const unstorable = textProblem(it.filter)
  if (unstorable !== undefined) return `filter: ${unstorable}`
  if (!isWhole(it.maxAttempts, 1, limits.attempts))
    return `maxAttempts: an event is tried 1 to ${limits.attempts} times` // SI2
  const { least, most } = limits.ackTimeoutMillis
  if (!isWhole(it.ackTimeoutMillis, least, most))
    return `ackTimeoutMillis: a delivery may take ${least} to ${most} milliseconds`
  if (it.backoffMillis.length === 0 || it.backoffMillis.length > limits.backoffs)
    return `backoffMillis: there are 1 to ${limits.backoffs} delays between attempts`
  if (!it.backoffMillis.every((millis) => isWhole(millis, 0, limits.backoffMillis)))
    return `backoffMillis: a delay between attempts is 0 to ${limits.backoffMillis} milliseconds`
  if (!isWhole(it.maxInFlight, 1, limits.inFlight))
    return `maxInFlight: 1 to ${limits.inFlight} events may be unanswered`
  if (it.deadLetterTopic === it.topicName) return "deadLetterTopic: a topic can't be its own"
  return undefined
}

/** What can't be changed so; undefined: nothing. A dead-letter topic may be another, and is not taken away: what waits for it would stop nothing. */
export const changeProblem = (now: Subscription, change: SubscriptionChange): string | undefined => {
  if (Object.keys(change).length === 0) return "nothing is to be changed"
  if (change.deadLetterTopic === "" && now.deadLetterTopic !== "")
    return "deadLetterTopic: it can be another one, and not none"
  return definitionProblem({ ...now, ...change })
}

/** Milliseconds until the next attempt, after so many failures; 0 before the first. */
export const backoffOf = ({ backoffMillis }: Pick<Definition, "backoffMillis">, failures: number): number =>
  failures < 1 ? 0 : (backoffMillis[Math.min(failures, backoffMillis.length) - 1] ?? 0)

/** As it is at that time: a pause with an end is over then. */
export const statusAt = (
  { status, pausedUntil }: Pick<Subscription, "status" | "pausedUntil">,
  now: number
): SubscriptionStatus => (status === "paused" && pausedUntil !== null && pausedUntil <= now ? "active" : status)

/** Whether later events of a key wait for an earlier one. */
export const isOrdered = (type: SubscriptionType): boolean => type !== "shared"
/** Whether one consumer has all. */
export const isSingle = (type: SubscriptionType): boolean => type === "exclusive" || type === "failover"
