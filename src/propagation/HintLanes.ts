/** Lists the lanes of this node. */
import { Context, Effect, Layer } from "effect"
import type { HintLane } from "./HintLane.ts"

/** None by default: then NOTIFY and the poll are enough. */
export const HintLanes = Context.Reference<ReadonlyArray<HintLane>>("herald/propagation/HintLanes", {
  defaultValue: () => []
})

/** Adds a lane to those that were provided before. */
export const layerLane = <E, R>(lane: Effect.Effect<HintLane, E, R>) =>
  Layer.effect(
    HintLanes,
    Effect.gen(function* () {
      return [...(yield* HintLanes), yield* lane]
    })
  )
