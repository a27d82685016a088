/**
 * Port: how what topics keep no longer ends. Fails `DatabaseUnavailable`, `DatabaseReadOnly` or `Timeout`.
 *
 *   TW1  Events are kept as long as their topic says, or up to its size, and a little longer; readers that come later are told of a gap.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Lease } from "../leases/Leases.ts"

export interface TopicSwept {
  /** Of which something ended. */
  readonly partitions: number
  /** That were deleted, and are removed by now. */
  readonly topics: number
  /** That are not known any more. */
  readonly producers: number
  /** There is more to end. */
  readonly more: boolean
}

export class TopicSweep extends Context.Service<
  TopicSweep,
  {
    /** Makes room for days to come; returns how many lie ahead. An append that finds none makes it itself. */
    readonly makeAhead: Effect.Effect<number, HeraldError>
    /** One bounded step, for the holder of the lease, which it extends; undefined when the lease was taken. LE1 */
    readonly step: (lease: Lease, leaseMillis: number) => Effect.Effect<TopicSwept | undefined, HeraldError>
    /** Gives back the disk space of days of which nothing is kept. `left`: those that were in use; they are for the next time. */
    readonly drop: Effect.Effect<{ readonly dropped: number; readonly left: number }, HeraldError>
  }
>()("herald/topics/TopicSweep") {}
