/** What of a topic's events a subscription's filter lets through. */
import type { HeraldError } from "../errors/HeraldError.ts"
import { type Matches, matchesOf } from "../topics/Filtered.ts"
import type { Topic } from "../topics/Topic.ts"
import type { Subscription } from "./Subscription.ts"

export type { Matches } from "../topics/Filtered.ts"

const ALL: Matches = () => true

/** By the topic's schema as it is now. Fails `InvalidFilter` where that no longer knows what the filter names. */
export const matchingOf = (
  { filter }: Pick<Subscription, "filter">,
  topic: Pick<Topic, "name" | "schema">
): Matches | HeraldError => (filter === "" ? ALL : matchesOf(filter, topic))
