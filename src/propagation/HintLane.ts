/**
 * Port: one way by which nodes tell each other of revisions, sooner than a poll would. Messages may be lost, late, doubled and out of
 * order: the revision log puts that right.
 */
import type { Effect, Scope } from "effect"
import type { Revision } from "./Revision.ts"

export interface HintLane {
  /** As metrics and logs call it. */
  readonly name: string
  /** Tells the other nodes. Never fails and never waits long: a lane that is down is left out. */
  readonly tell: (revision: Revision) => Effect.Effect<void>
  /**
   * Calls `revision` for each one that any node told, this one included, and `gap` when some may have been missed.
   * Reconnects by itself; returns once listening or after the first failed try.
   */
  readonly listen: (on: {
    readonly revision: (revision: Revision) => void
    readonly gap: () => void
  }) => Effect.Effect<void, never, Scope.Scope>
}
