/** The memory twins keep the contracts of the shared cache and of the lane. */
import { describe, it } from "@effect/vitest"
import { Layer } from "effect"
import { Hub } from "../../layers/Memory/Hub.ts"
import { hintLaneContract, sharedCacheContract } from "./SharedCache.ts"

describe("shared memory", () => {
  const hub = new Hub()
  const node = () => Layer.mergeAll(hub.layerSharedCache, hub.layerLane)
  sharedCacheContract((name, body) => it.live(name, body), node)
  hintLaneContract((name, body) => it.live(name, body), node)
})
