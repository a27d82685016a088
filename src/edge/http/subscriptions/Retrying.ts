/** Events of a subscription that are tried again, as JSON. */
import { Schema } from "effect"
import type { Retrying } from "../../../subscriptions/SubscriptionStore.ts"
import { messageIdText } from "../../../topics/MessageId.ts"
import { Stamp, stamp, Whole } from "../Wire.ts"

/** `lastAttempt`: the next one is. `dueAt`: not before it. */
const RetryingEvent = Schema.Struct({
  eventId: Schema.String,
  partition: Whole,
  epoch: Whole,
  offset: Whole,
  attempts: Whole,
  lastAttempt: Schema.Boolean,
  cause: Schema.String,
  dueAt: Schema.Finite,
  dueTime: Stamp
})
/** Those that are due first; as it was written last. */
export const RetryingList = Schema.Struct({ retrying: Schema.Array(RetryingEvent) }).annotate({
  identifier: "RetryingList"
})
export type RetryingList = typeof RetryingList.Type

export const retrying = (found: ReadonlyArray<Retrying>, topic: string): RetryingList => ({
  retrying: found.map(({ partition, logEpoch: epoch, offset, attempts, alone: lastAttempt, cause, due }) => ({
    ...{ eventId: messageIdText({ topic, partition, epoch, offset }), partition, epoch, offset, attempts, lastAttempt },
    ...{ cause, dueAt: due, dueTime: stamp(due) }
  }))
})
