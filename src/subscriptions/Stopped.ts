/** Why a subscription hands out nothing more. Pure. */
import { messageIdText } from "../topics/MessageId.ts"
import type { DeadReason } from "./DeadLetter.ts"
import type { Subscription } from "./Subscription.ts"

/** Characters of what a consumer said, in the reason of an error. */
const SAID = 500

/** Why nothing more goes out, with all that a person needs to find it. A consumer may reject an event at once, whatever attempts are left. */
export const stopText = (
  { topicName: topic }: Subscription,
  {
    logEpoch: epoch,
    slice: { partition }
  }: { readonly logEpoch: number; readonly slice: { readonly partition: number } },
  { offset, attempts, cause }: { readonly offset: number; readonly attempts: number; readonly cause: string },
  why: DeadReason
): string => {
  const times = attempts === 1 ? "once" : `${attempts} times`
  const said = cause === "" ? "no reason was given" : cause.slice(0, SAID).toWellFormed()
  const event = messageIdText({ topic, partition, epoch, offset })
  return `${why === "rejected" ? `a consumer rejected the event ${event}` : `the event ${event} was tried ${times}`}, and there is no dead-letter topic: ${said}`
}
