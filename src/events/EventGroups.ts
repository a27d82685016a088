/** Port: consumer groups on the topic of the event log. At least once, in order for each partition. */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Received } from "./Received.ts"

export interface Consumption {
  readonly group: string
  /** Messages in one batch, at most. */
  readonly size: number
  /**
   * Called with messages of one partition, in order; never twice at a time for a partition by one consumer. What it did counts once it
   * has succeeded; when it fails, the same messages come again after a back-off and other partitions go on. A partition may change hands
   * while it runs, so what it does must be safe to do twice.
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
>()("herald/events/EventGroups") {}
