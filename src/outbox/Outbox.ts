/** Port: up to which revision the event log has been told. Fails `DatabaseUnavailable`, `DatabaseReadOnly` or `Timeout`. */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Lease } from "../leases/Leases.ts"
import type { Position } from "../propagation/Position.ts"

export interface Backlog {
  /** The last revision that was published; epoch "" before the first. */
  readonly position: Position
  readonly head: Position
  /** The oldest revision that the revision log still has; one more than the head's when it has none. */
  readonly oldest: bigint
  /** The newest revision of the position's epoch that the revision log still has; `oldest` - 1 when it has none. */
  readonly kept: bigint
  /** When the oldest unpublished revision was committed, in milliseconds since 1970; undefined when all are published. */
  readonly waitingSince: number | undefined
}

export class Outbox extends Context.Service<
  Outbox,
  {
    readonly backlog: Effect.Effect<Backlog, HeraldError>
    /** Moves the position on and extends the lease, or does neither and returns false when the lease was taken meanwhile. LE1 */
    readonly advance: (lease: Lease, position: Position, leaseMillis: number) => Effect.Effect<boolean, HeraldError>
  }
>()("herald/outbox/Outbox") {}
