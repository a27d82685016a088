/** What is told of deliveries while they are made: where nobody asked for it, nothing becomes of that. */
import { Context } from "effect"
import type { Cursor } from "./Cursor.ts"
import type { Item } from "./Item.ts"
import type { Subscription } from "./Subscription.ts"

export interface Fate {
  readonly subscription: Subscription
  readonly partition: number
  readonly epoch: number
  readonly offset: number
  /** How often it failed, this time as well. */
  readonly attempts: number
  /** Milliseconds since it was handed out, or its time was extended last. */
  readonly latency: number
  /** failed: for good. */
  readonly status: "delivered" | "retrying" | "failed"
  /** As its consumer said it; "": it didn't. */
  readonly cause: string
}

/** Of what is out, at that moment. `cause`: why it failed. */
export const fateOf = <B>(
  subscription: Subscription,
  { logEpoch: epoch, slice: { partition } }: Cursor<B>,
  { offset, attempts, until }: Item<B>,
  now: number,
  status: Fate["status"],
  cause = ""
): Fate => ({
  ...{ subscription, partition, epoch, offset, status, cause },
  attempts: status === "delivered" ? attempts : attempts + 1,
  latency: now - (until - subscription.ackTimeoutMillis)
})

export interface Served {
  /** The topic's id. */
  readonly topic: number
  readonly consumers: number
}

export const Fates = Context.Reference<{
  /** Of each delivery that was answered, or came to nothing. */
  readonly note: (fate: Fate) => void
  /** Once a second: of every subscription that the node serves. */
  readonly serving: (all: ReadonlyArray<Served>) => void
}>("herald/subscriptions/Fates", { defaultValue: () => ({ note: () => undefined, serving: () => undefined }) })
