/**
 * Port: what a node knows of one kind of change (decision 0018). Propagation tells each view of the changes of its kind, and does not know what
 * it makes of them.
 *
 *   VW1  All views are of one position: they begin together, and whoever hears of a revision finds it applied in each.
 *   VW2  While a view reads again, what it had is served until it begins.
 *   VW3  A view that throws fails no publisher, whose commit is done: the revision is applied again from the log until it can be, and
 *        until then nobody is told of it.
 *   VW4  What a node knows of each kind is counted, and shown where operators look: metrics, `/readyz`, `herald status`.
 */
import type { Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Position } from "./Position.ts"
import type { Change } from "./Revision.ts"

/** A view that was read, and is not served yet. */
export interface NextView<C extends Change = Change> {
  /** The newest commit when the first page was read. All up to it is in. */
  readonly from: Position
  /** The newest change that is in. */
  readonly newest: Position
  /** Takes in a change that the log has after `from`, unless it is in already. */
  catchUp(change: C, at: Position): void
  /** Serves this from now on, as of `at`, in place of what was served. Synchronous. VW1 */
  begin(at: Position): void
}

export interface View<C extends Change = Change> {
  readonly kind: C["kind"]
  /** Reads what is current, in pages, while others commit. Fails as the store that it reads. */
  readonly read: Effect.Effect<NextView<C>, HeraldError>
  /** Applies the next change, of the commit at `at`. Synchronous, so that nobody sees half of a commit. May be called again. P1, VW3 */
  apply(change: C, at: Position): void
  /** Called after `apply` on the node that committed the change, which may tell programs outside. Never waits. */
  committed(change: C, at: Position): void
  /** How many of them there are now, for operators; left out by a view that keeps nothing worth counting. VW4 */
  readonly count?: () => number
  /** Drops what was deleted up to `horizon`: nobody can read those revisions any more. P8 */
  forget(horizon: bigint): void
}
