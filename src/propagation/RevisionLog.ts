/**
 * Port: the revision log. Its order is that of the commits, and its numbers have no gaps (decision 0002). Reads fail `DatabaseUnavailable` or
 * `Timeout`.
 */
import { Context, type Effect, type Scope } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Position } from "./Position.ts"
import type { Revision } from "./Revision.ts"

export class RevisionLog extends Context.Service<
  RevisionLog,
  {
    /** The newest position; revision 0 when nothing was ever published. */
    readonly head: Effect.Effect<Position, HeraldError>
    /** Revisions after `revision`, ascending, one page (PB1) of at most `limit`. Undefined: part of them is behind the retention horizon. */
    readonly after: (revision: bigint, limit: number) => Effect.Effect<ReadonlyArray<Revision> | undefined, HeraldError>
    /**
     * Runs `onHint` whenever another writer may have committed; hints may be lost, late or doubled. Never fails: returns once it listens, or
     * when the first try failed, and connects again by itself.
     */
    readonly hints: (onHint: () => void) => Effect.Effect<void, never, Scope.Scope>
    /** The newest revision that nobody can read any more; 0 when there is none. */
    readonly horizon: Effect.Effect<bigint, HeraldError>
  }
>()("herald/propagation/RevisionLog") {}
