/** Port: how what is old ends. What belongs to revisions lies in ranges of revisions, which end whole; the rest is removed in steps. */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Lease } from "../leases/Leases.ts"

export interface Keep {
  /** Of revisions, and of instances that are gone. */
  readonly keepMillis: number
  /** Newest revisions that stay however old they are. */
  readonly keepAtLeast: number
}

/** How many of each went in one step. */
export interface Swept {
  /** Revisions that went behind the horizon: nobody reads them any more. */
  readonly revisions: number
  readonly idempotencyKeys: number
  /** Of configurations. */
  readonly tombstones: number
  /** What each other kind of change had behind the horizon. */
  readonly kinds: Readonly<Record<string, number>>
  readonly instances: number
  readonly instanceKeys: number
  /** There are more to go. */
  readonly more: boolean
}

export class RetentionStore extends Context.Service<
  RetentionStore,
  {
    /** Ranges for revisions to come; returns how many lie ahead of the newest. A publish that finds none makes one. */
    readonly makeAhead: (keep: Keep) => Effect.Effect<number, HeraldError>
    /** One bounded step of each kind, for the holder of the lease, which it prolongs; undefined when the lease was taken. LE1 */
    readonly step: (lease: Lease, leaseMillis: number, keep: Keep) => Effect.Effect<Swept | undefined, HeraldError>
    /**
     * Gives back the room of ranges that are behind the horizon whole. What is behind it stays behind, so whoever does it does no harm.
     * `left`: ranges that something held; they are for the next time.
     */
    readonly drop: Effect.Effect<{ readonly dropped: number; readonly left: number }, HeraldError>
  }
>()("herald/retention/RetentionStore") {}
