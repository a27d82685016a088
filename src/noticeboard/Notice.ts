/**
 * What stands on the board, under which names, and for how long. Pure.
 *
 *   NJ2  No two things have one name, whatever users call them: what a name begins with says which kind it is, and what a user chose is its last part, or has
 *        none of the colons that part it.
 *   NJ6  A notice says nothing of what events hold: why a subscription stopped may quote its consumers, and is told to those alone who may ask Herald.
 *   NJ3  A notice has at most `NOTICE_BYTES`; what takes more is not put up.
 */
import { inOrder, type Route, statusOf } from "../routes/Route.ts"
import { type Subscription, statusAt } from "../subscriptions/Subscription.ts"
import type { Bounds } from "../topics/Piece.ts"
import type { Pressed } from "../topics/Pressure.ts"
import type { Topic } from "../topics/Topic.ts"

export interface Notice {
  readonly name: string
  /** JSON. */
  readonly text: string
  /** Milliseconds until it ends. */
  readonly millis: number
}

/** NJ3 */
export const NOTICE_BYTES = 65_536

/** Milliseconds for which they stand there. */
export const STANDS = {
  topic_stats: 30_000,
  subscription: 300_000,
  routing: 900_000,
  backpressure: 10_000
} as const

const noticeOf = (kind: keyof typeof STANDS, name: string, its: Readonly<Record<string, unknown>>): Notice => ({
  ...{ name: `${kind}:${name}`, millis: STANDS[kind] },
  text: JSON.stringify(its)
})

/** `at`: milliseconds since 1970. */
export const topicNotice = ({ id, name }: Pick<Topic, "id" | "name">, bounds: ReadonlyArray<Bounds>, at: number) => {
  const partitions = bounds
    .filter(({ topic }) => topic === id)
    .toSorted((a, b) => a.partition - b.partition)
    .map(({ partition, epoch, first, next, bytes }) => ({ partition, epoch, first, next, bytes }))
  return noticeOf("topic_stats", name, { topic: name, partitions, at })
}

export const subscriptionNotice = (subscription: Subscription, at: number): Notice => {
  const { id, topicName, subscriptionName, type, consumerGroup, filter, pausedUntil } = subscription
  const { maxAttempts, deadLetterTopic, ackTimeoutMillis, backoffMillis, maxInFlight, epoch, createdAt } = subscription
  return noticeOf("subscription", id, {
    ...{ id, topic: topicName, name: subscriptionName, type, status: statusAt(subscription, at), pausedUntil },
    ...{ consumerGroup, filter, maxAttempts, deadLetterTopic, ackTimeoutMillis, backoffMillis, maxInFlight },
    ...{ epoch, createdAt, at }
  })
}

/** One for each source, with its rules in the order in which they see an event. */
export const routingNotices = (routes: ReadonlyArray<Route>, revision: number, at: number): ReadonlyArray<Notice> =>
  [...Map.groupBy(routes, ({ source }) => source)].map(([pattern, its]) => {
    const rules = its.toSorted(inOrder).map((route) => {
      const { name, target, condition, key, priority, final } = route
      return { name, target, condition, key, priority, final, status: statusOf(route) }
    })
    return noticeOf("routing", pattern, { pattern, revision, rules, at })
  })

export const pressureNotice = (
  { name, partition, batches, bytes, millis }: Pressed,
  node: string,
  at: number
): Notice =>
  noticeOf("backpressure", `${name}:${partition}`, { topic: name, partition, node, batches, bytes, millis, at })

/** NJ3 */
export const fitting = (notices: ReadonlyArray<Notice>): ReadonlyArray<Notice> =>
  notices.filter(({ text }) => text.length <= NOTICE_BYTES && Buffer.byteLength(text) <= NOTICE_BYTES)
