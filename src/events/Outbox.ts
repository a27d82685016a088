/** Port: how far the event log has the revisions, and which node may publish the next. */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Position } from "../propagation/Position.ts"

export interface Backlog {
  /** The last revision that was published; epoch "" before the first. */
  readonly position: Position
  readonly head: Position
  /** The oldest revision that the log still has; one more than the head's when it has none. */
  readonly oldest: bigint
  /** The newest revision of the position's epoch that the log still has; `oldest` - 1 when it has none. */
  readonly kept: bigint
  /** When the oldest unpublished revision was committed, in milliseconds since 1970; undefined when all are published. */
  readonly waitingSince: number | undefined
}

export class Outbox extends Context.Service<
  Outbox,
  {
    /**
     * Takes the lease when nobody else holds it, and returns a token larger than every one before; undefined when another holder
     * has it. Times are the store's own.
     */
    readonly claim: (holder: string, leaseMillis: number) => Effect.Effect<bigint | undefined, HeraldError>
    readonly backlog: Effect.Effect<Backlog, HeraldError>
    /** Moves the position and prolongs the lease, or does neither and returns false when a newer token was handed out. */
    readonly advance: (token: bigint, position: Position, leaseMillis: number) => Effect.Effect<boolean, HeraldError>
    /** Gives the lease up, so that another holder need not wait for its end. Nothing happens for an old token. */
    readonly release: (token: bigint) => Effect.Effect<void, HeraldError>
  }
>()("herald/events/Outbox") {}
