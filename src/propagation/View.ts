/**
 * Port: what a node knows of the changes of one kind (decision 0018). Propagation tells each view of its own, and knows nothing of what they
 * hold.
 *
 *   VW1  All views are of one position: they begin together, and whoever hears of a revision finds it applied in each.
 *   VW2  While a view reads again, what it had is served until it begins.
 *   VW3  A view that throws fails no publisher, whose commit is done: the revision is applied again from the log until it can be, and
 *        until then nobody is told of it.
 */
import type { Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Position } from "./Position.ts"
import type { Change } from "./Revision.ts"

/** What was read, and is not yet served. */
export interface NextView<C extends Change = Change> {
  /** What had been committed when the first page was read: all of it is in. */
  readonly from: Position
  /** The newest change that is in. */
  readonly newest: Position
  /** Takes in what the log has after `from`; what is in already is left as it is. */
  catchUp(change: C, at: Position): void
  /** From now on this is what is served: of `at`, and in place of what was. Synchronous. VW1 */
  begin(at: Position): void
}

export interface View<C extends Change = Change> {
  readonly kind: C["kind"]
  /** Reads what is current, in pages, while others commit. */
  readonly read: Effect.Effect<NextView<C>, HeraldError>
  /** The next change of this kind, of the commit at `at`. Synchronous: nobody sees half of a commit. It may come again. P1, VW3 */
  apply(change: C, at: Position): void
  /** This node committed it, so it may tell others what they can't tell themselves. Never waits. */
  committed(change: C, at: Position): void
  /** Nobody can read revisions up to `horizon` any more: what is left of what was deleted by then goes. P8 */
  forget(horizon: bigint): void
}
