/** Where a list of subscriptions goes on, as text: `<topic>:<subscription>`, as names have no colon. Pure. */
import { isTopicName } from "../keys/TopicName.ts"
import { excerpt } from "../text/Excerpt.ts"
import { type Definition, isSubscriptionName } from "./Subscription.ts"

type Named = Pick<Definition, "topicName" | "subscriptionName">

export const cursorText = ({ topicName, subscriptionName }: Named): string => `${topicName}:${subscriptionName}`

/** "": the beginning. A text says what is wrong. */
export const cursorOf = (text: string): Named | undefined | string => {
  if (text === "") return undefined
  const [topicName = "", subscriptionName = "", ...others] = text.split(":")
  return others.length === 0 && isTopicName(topicName) && isSubscriptionName(subscriptionName)
    ? { topicName, subscriptionName }
    : `${excerpt(text)} is not the next of a page`
}
