/**
 * What of the generated protocol the SDK's topics need in a browser, where it is taken in its place: the rest of it stands on gRPC, which browsers have
 * not. The field `browser` of packages/client/package.json says so to bundlers.
 *
 *   XB1  Each name has the value that the protocol gives it.
 */
import type * as Proto from "../../../proto/generated/herald/topics/v1/topics.ts"

export const AnswerKind = {
  ANSWER_KIND_ACCEPT: 0,
  ANSWER_KIND_RELEASE: 1,
  ANSWER_KIND_FAIL: 2,
  ANSWER_KIND_REJECT: 3,
  ANSWER_KIND_EXTEND: 4,
  UNRECOGNIZED: -1
} as const satisfies typeof Proto.AnswerKind

export const Overflow = {
  OVERFLOW_BLOCK: 0,
  OVERFLOW_CONFLATE: 1,
  OVERFLOW_DROP_OLDEST: 2,
  OVERFLOW_DISCONNECT: 3,
  UNRECOGNIZED: -1
} as const satisfies typeof Proto.Overflow

export const SubscriptionType = {
  SUBSCRIPTION_TYPE_UNSPECIFIED: 0,
  SUBSCRIPTION_TYPE_EXCLUSIVE: 1,
  SUBSCRIPTION_TYPE_SHARED: 2,
  SUBSCRIPTION_TYPE_FAILOVER: 3,
  SUBSCRIPTION_TYPE_KEY_SHARED: 4,
  UNRECOGNIZED: -1
} as const satisfies typeof Proto.SubscriptionType

const nowhere = (): never => {
  throw new Error("a browser reads and writes no protobuf: topics are JSON there")
}
export const Event = { encode: nowhere, decode: nowhere }
export const EventBatch = { decode: nowhere }
