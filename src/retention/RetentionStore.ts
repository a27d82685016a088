/**
 * Port: how old rows are removed. What belongs to revisions is stored in ranges of revisions, which are dropped whole; the rest is deleted
 * in steps. Fails `DatabaseUnavailable`, `DatabaseReadOnly` or `Timeout`.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Lease } from "../leases/Leases.ts"

export interface Keep {
  /** How long revisions, and instances that are gone, are kept. */
  readonly keepMillis: number
  /** Newest revisions that stay however old they are. */
  readonly keepAtLeast: number
}

/** How many of each one step removed. */
export interface Swept {
  /** Revisions that are now behind the horizon, where nobody reads them any more. */
  readonly revisions: number
  readonly idempotencyKeys: number
  /** Of configurations. */
  readonly tombstones: number
  /** Rows of other kinds of change that were behind the horizon, by kind. */
  readonly kinds: Readonly<Record<string, number>>
  readonly instances: number
  readonly instanceKeys: number
  /** There are more to go. */
  readonly more: boolean
}

export class RetentionStore extends Context.Service<
  RetentionStore,
  {
    /** Makes ranges for coming revisions; returns how many lie ahead of the newest. A publish that finds none makes one itself. */
    readonly makeAhead: (keep: Keep) => Effect.Effect<number, HeraldError>
    /** One bounded step, for the holder of the lease, which it extends; undefined when the lease was taken. LE1 */
    readonly step: (lease: Lease, leaseMillis: number, keep: Keep) => Effect.Effect<Swept | undefined, HeraldError>
    /**
     * Gives back the disk space of ranges that are wholly behind the horizon. They stay behind it, so this does no harm whoever does it.
     * `left`: ranges that were in use; they are for the next time.
     */
    readonly drop: Effect.Effect<{ readonly dropped: number; readonly left: number }, HeraldError>
  }
>()("herald/retention/RetentionStore") {}
