/**
 * Port: consumer groups on the topic of the event log.
 *
 *   EG1  A batch has messages of one partition, in order, that follow the batch before; a consumer takes one batch of a partition at a time.
 *   EG2  What was taken does not come again, whoever consumes next; a batch that was not taken to its end does.
 *   EG3  What can't be taken comes again after a back-off, and other partitions go on meanwhile.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Received } from "./Received.ts"

export interface Consumption {
  readonly group: string
  /** Messages in one batch, at most. */
  readonly size: number
  /** A partition may change hands while this runs, so what it does must be safe to do twice. */
  readonly take: (batch: ReadonlyArray<Received>) => Effect.Effect<void, HeraldError>
}

/** How far the group is in a partition, and where that ends. */
export interface Lag {
  readonly partition: number
  /** The offset of the next message that the group will take. */
  readonly next: bigint
  /** The offset behind the last message. */
  readonly end: bigint
}

export class EventGroups extends Context.Service<
  EventGroups,
  {
    readonly topic: string
    /** Consumes until it is interrupted, from the group's last commit; a new group begins at the topic's beginning. Survives outages. */
    readonly consume: (consumption: Consumption) => Effect.Effect<never>
    /** The lag in every partition, whoever consumes it. Fails `EventLogUnavailable`. */
    readonly lag: (group: string) => Effect.Effect<ReadonlyArray<Lag>, HeraldError>
  }
>()("herald/consumers/EventGroups") {}
