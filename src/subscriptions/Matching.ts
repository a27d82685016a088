/** What of a topic's events a subscription's filter lets through. */
import { Result } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { Filters } from "../filters/Filters.ts"
import { UNDECLARED, variablesOf } from "../filters/Variables.ts"
import { messageOf } from "../topics/Message.ts"
import type { Topic } from "../topics/Topic.ts"
import type { Subscription } from "./Subscription.ts"

/** Whether an event is for the subscription. */
export type Matches = (event: Uint8Array, at: number, partition: number, offset: number) => boolean

const ALL: Matches = () => true

/** By the topic's schema as it is now. Fails `InvalidFilter` where that no longer knows what the filter names. */
export const matchingOf = (
  { filter }: Pick<Subscription, "filter">,
  { name, schema }: Pick<Topic, "name" | "schema">
): Matches | HeraldError => {
  if (filter === "") return ALL
  const filters = new Filters(schema === null ? UNDECLARED : variablesOf(JSON.parse(schema)))
  const held = filters.hold(filter)
  if (Result.isFailure(held))
    return failure("InvalidFilter", "full" in held.failure ? held.failure.full : held.failure.problem.message)
  return (event, publishedAt, partition, offset) => {
    const { key, headers, payload } = messageOf(event)
    return filters.match({ topic: name, partition, offset, key, headers, publishedAt, payload }).length > 0
  }
}
