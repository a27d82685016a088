/** Finds a subscription by its names. OB4 in Subscriptions.ts */
import { Effect } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { excerpt } from "../text/Excerpt.ts"
import { noSuchTopic } from "../topics/KnownTopics.ts"
import type { Topic } from "../topics/Topic.ts"
import type { TopicStore } from "../topics/TopicStore.ts"
import { isSubscriptionName, type Subscription } from "./Subscription.ts"
import type { SubscriptionStore } from "./SubscriptionStore.ts"

export interface Found {
  readonly subscription: Subscription
  readonly topic: Topic
}

/** Fails `NoSuchTopic`, `NoSuchSubscription`, and as the stores. The caller has looked at rights, and at the topic's name. */
export const findSubscription = (store: SubscriptionStore["Service"], topics: TopicStore["Service"]) =>
  Effect.fnUntraced(function* ({
    topicName,
    subscriptionName
  }: Pick<Subscription, "topicName" | "subscriptionName">): Effect.fn.Return<Found, HeraldError> {
    const topic = yield* topics.get(topicName)
    if (topic === undefined) return yield* noSuchTopic(topicName)
    const found = isSubscriptionName(subscriptionName) ? yield* store.get(topicName, subscriptionName) : undefined
    if (found === undefined || found.topicId !== topic.id)
      return yield* failure("NoSuchSubscription", `${topicName} has no subscription ${excerpt(subscriptionName)}`)
    return { subscription: found, topic }
  })
