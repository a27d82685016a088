/**
 * Port: one way by which nodes tell each other of revisions, sooner than a poll would. Messages may be lost, late, doubled and out of
 * order: the revision log puts that right.
 */
import { Context, Effect, Layer, type Scope } from "effect"
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

/** The lanes of this node; none by default: then NOTIFY and the poll are enough. */
export const HintLanes = Context.Reference<ReadonlyArray<HintLane>>("herald/propagation/HintLanes", {
  defaultValue: () => []
})

/** One more lane, next to those that were provided before. */
export const layerLane = <E, R>(lane: Effect.Effect<HintLane, E, R>) =>
  Layer.effect(
    HintLanes,
    Effect.gen(function* () {
      return [...(yield* HintLanes), yield* lane]
    })
  )
