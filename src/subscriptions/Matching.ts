/** What of a topic's events a subscription's filter lets through, and what is wrong with one. OB2 in Subscriptions.ts */
import { Result } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { rememberedFilter } from "../filters/Remembered.ts"
import { variablesIn } from "../filters/Variables.ts"
import { type Matches, matchesOf } from "../topics/Filtered.ts"
import type { Topic } from "../topics/Topic.ts"
import type { Unfit } from "../topics/TopicUsers.ts"
import type { Subscription } from "./Subscription.ts"

export type { Matches } from "../topics/Filtered.ts"

const ALL: Matches = () => true

/** By the topic's schema as it is now. Fails `InvalidFilter` where that no longer knows what the filter names. */
export const matchingOf = (
  { filter }: Pick<Subscription, "filter">,
  topic: Pick<Topic, "name" | "schema">
): Matches | HeraldError => (filter === "" ? ALL : matchesOf(filter, topic))

/** OB2 */
export const filterProblem = (filter: string, { schema }: Topic): HeraldError | undefined => {
  if (filter === "") return undefined
  const read = rememberedFilter(filter, variablesIn(schema))
  return Result.isFailure(read) ? failure("InvalidFilter", `filter: ${read.failure.message}`) : undefined
}

/** What of a subscription the topic's schema stops. */
export const unfitOf = ({ subscriptionName, filter }: Subscription, topic: Topic): ReadonlyArray<Unfit> => {
  const why = filterProblem(filter, topic)?.message
  return why === undefined ? [] : [{ what: `the subscription ${subscriptionName}`, of: topic.name, why }]
}
