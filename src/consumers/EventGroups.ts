/**
 * Port: consumer groups on the topic of the event log.
 *
 *   EG1  A batch has messages of one partition, in order and behind the last one; a consumer takes one batch of a partition at a time.
 *   EG2  What was taken stays behind the group, whoever consumes next; what was not taken to the end comes again.
 *   EG3  What can't be taken comes again after a back-off, and other partitions go on meanwhile.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Received } from "./Received.ts"

export interface Consumption {
  readonly group: string
  /** Messages in one batch, at most. */
  readonly size: number
  /**
   * A partition may change hands while it runs, so what it does must be safe to do twice.
   */
  readonly take: (batch: ReadonlyArray<Received>) => Effect.Effect<void, HeraldError>
}

/** How far the group is in a partition, and where that ends. */
export interface Lag {
  readonly partition: number
  /** The next message's offset. */
  readonly next: bigint
  readonly end: bigint
}

export class EventGroups extends Context.Service<
  EventGroups,
  {
    readonly topic: string
    /** Consumes until it is interrupted, from the group's last commit, in a new group from the topic's beginning. Outages are outlived. */
    readonly consume: (consumption: Consumption) => Effect.Effect<never>
    /** Of every partition, whoever has it. Fails `EventLogUnavailable`. */
    readonly lag: (group: string) => Effect.Effect<ReadonlyArray<Lag>, HeraldError>
  }
>()("herald/consumers/EventGroups") {}
