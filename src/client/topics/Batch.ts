/** What is published together, and what a server says of it. Pure. */
import type { Event, Problem } from "../../../proto/generated/herald/topics/v1/topics.ts"
import type { PublishError } from "../ClientError.ts"
import type { Placed } from "./Event.ts"

/** Rows of src/topics/Errors.ts and src/errors/Errors.ts. */
export const FENCED = "HRLD-2074"
export const SEQUENCE_GAP = "HRLD-2075"
export const UNKNOWN_PRODUCER = "HRLD-2076"
export const OUTCOME_UNKNOWN = "HRLD-4006"

/** Events that are given together, of one partition. */
export interface Item {
  readonly partition: number
  /** Of the first one; set by `add`. */
  sequence: number
  readonly events: ReadonlyArray<Event>
  readonly bytes: number
  /** The application gave the sequence. */
  readonly numbered: boolean
  /** It may be sent: it is kept where it has to be. */
  readonly ready: boolean
  readonly placed: (placed: ReadonlyArray<Placed>) => void
  readonly failed: (error: PublishError) => void
}

export interface Batch {
  readonly id: number
  readonly partition: number
  readonly items: ReadonlyArray<Item>
  readonly count: number
  readonly bytes: number
  /** It may be in the topic: an earlier try has no answer. */
  maybe: boolean
  /** How often it was tried in vain. */
  tries: number
  /** QO4: one before it, which the application numbered, will never be there. */
  outrun: boolean
}

export const sequenceOf = ({ items }: Batch): number => items[0]!.sequence
export const isRetryable = ({ code, retryAfterMs }: Problem): boolean => retryAfterMs > 0n || code.startsWith("HRLD-4")
export const textOf = ({ message, fix }: Problem): string => [message, fix].filter((part) => part !== "").join(" ")

/** Takes so many events from the front of what was placed. */
export const cut = (parts: Array<Placed>, count: number): ReadonlyArray<Placed> => {
  const taken: Array<Placed> = []
  for (let left = count; left > 0 && parts.length > 0; ) {
    const part = parts[0]!
    const some = Math.min(left, part.count)
    taken.push({ ...part, count: some })
    left -= some
    if (some === part.count) parts.shift()
    else
      parts[0] = {
        ...part,
        count: part.count - some,
        offset: part.offset === undefined ? undefined : part.offset + some
      }
  }
  return taken
}
