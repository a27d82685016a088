/** What of a topic's events a filter lets through. Pure. */
import { Result } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { Filters } from "../filters/Filters.ts"
import { variablesIn } from "../filters/Variables.ts"
import { messageOf } from "./Message.ts"
import type { Topic } from "./Topic.ts"

/** Whether an event is let through; the event as it is in the log. */
export type Matches = (event: Uint8Array, at: number, partition: number, offset: number) => boolean

/** With what became of the events that it was asked about. */
export type Counting = Matches & { readonly filters: Filters }

/** By the topic's schema as it is now. Fails `InvalidFilter` where that does not know what the filter names. */
export const matchesOf = (filter: string, { name, schema }: Pick<Topic, "name" | "schema">): Counting | HeraldError => {
  const filters = new Filters(variablesIn(schema))
  const held = filters.hold(filter)
  if (Result.isFailure(held))
    return failure("InvalidFilter", "full" in held.failure ? held.failure.full : held.failure.problem.message)
  const matches: Matches = (event, publishedAt, partition, offset) => {
    const { key, headers, payload } = messageOf(event)
    return filters.match({ topic: name, partition, offset, key, headers, publishedAt, payload }).length > 0
  }
  return Object.assign(matches, { filters })
}
