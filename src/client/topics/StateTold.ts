/** Tells the application how its subscription is. */
import type { SubscriptionState } from "../../../proto/generated/herald/topics/v1/topics.ts"
import type { ConsumeOptions } from "./Consumed.ts"
import type { TopicHome } from "./Home.ts"

/**
 * One in error goes on by itself once somebody has mended it, so it is no end; but nobody would know: whoever doesn't listen is told in the log, once for
 * each error.
 */
export const stateTold = (
  { topic, subscription }: { readonly topic: string; readonly subscription: string },
  { onState }: Pick<ConsumeOptions, "onState">,
  { logger }: Pick<TopicHome, "logger">
): ((state: SubscriptionState) => void) => {
  let said: string | undefined
  return ({ status, blocked, reason }) => {
    if (onState !== undefined) {
      onState(status, blocked, reason)
      return
    }
    const stopped = status === "error" ? reason : undefined
    if (stopped !== undefined && stopped !== said) {
      const resume = `herald subscription resume ${topic} ${subscription}`
      logger(`${subscription} of ${topic} is in error, and nothing comes: ${reason}. When its cause is gone: ${resume}`)
    }
    said = stopped
  }
}
