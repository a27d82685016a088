/** Every placement keeps the contract. */
import { describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { State } from "../../layers/Memory/State.ts"
import { Placement } from "../../src/placement/Placement.ts"
import { type Cluster, placementContract } from "./Placements.ts"

describe("memory", () => {
  placementContract((name, body) =>
    it.live(name, () => {
      const state = new State()
      const cluster: Cluster = {
        join: () => Effect.map(Layer.build(Memory.layerOn(state)), Context.get(Placement))
      }
      return body(cluster)
    })
  )
})
