/** What of a topic's events a subscription's filter lets through. */
<<<<<<< HEAD
import type { HeraldError } from "../errors/HeraldError.ts"
import { type Matches, matchesOf } from "../topics/Filtered.ts"
=======
import { Result } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { Filters } from "../filters/Filters.ts"
import { variablesIn } from "../filters/Variables.ts"
import { messageOf } from "../topics/Message.ts"
>>>>>>> 8bad1cc8 (Let readers, subscriptions and routes look at events in slices, at those who want them alone)
import type { Topic } from "../topics/Topic.ts"
import type { Subscription } from "./Subscription.ts"

export type { Matches } from "../topics/Filtered.ts"

const ALL: Matches = () => true

/** By the topic's schema as it is now. Fails `InvalidFilter` where that no longer knows what the filter names. */
export const matchingOf = (
  { filter }: Pick<Subscription, "filter">,
<<<<<<< HEAD
  topic: Pick<Topic, "name" | "schema">
): Matches | HeraldError => (filter === "" ? ALL : matchesOf(filter, topic))
=======
  { name, schema }: Pick<Topic, "name" | "schema">
): Matches | HeraldError => {
  if (filter === "") return ALL
  const filters = new Filters(variablesIn(schema))
  const held = filters.hold(filter)
  if (Result.isFailure(held))
    return failure("InvalidFilter", "full" in held.failure ? held.failure.full : held.failure.problem.message)
  return (event, publishedAt, partition, offset) => {
    const { key, headers, payload } = messageOf(event)
    return filters.match({ topic: name, partition, offset, key, headers, publishedAt, payload }).length > 0
  }
}
>>>>>>> 8bad1cc8 (Let readers, subscriptions and routes look at events in slices, at those who want them alone)
