/**
 * Port: one way by which nodes tell each other of revisions sooner than a poll would. Messages may be lost, late, doubled and out of order,
 * as every node reads the revision log in the end.
 */
import type { Effect, Scope } from "effect"
import type { Revision } from "./Revision.ts"

export interface HintLane {
  /** Its name in metrics and logs. */
  readonly name: string
  /** Tells the other nodes. Never fails and never waits long; while the lane is down it does nothing. */
  readonly tell: (revision: Revision) => Effect.Effect<void>
  /**
   * Calls `revision` for each one that any node told of, this one included, and `gap` when some may have been missed. Returns once it listens, or
   * when the first try failed; connects again by itself.
   */
  readonly listen: (on: {
    readonly revision: (revision: Revision) => void
    readonly gap: () => void
  }) => Effect.Effect<void, never, Scope.Scope>
}
