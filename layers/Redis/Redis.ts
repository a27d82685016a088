/** Redis as shared cache and as a lane of hints: a single one, a master under Sentinel, or a Redis Cluster. */
import { Layer } from "effect"
import { layerLane } from "../../src/propagation/HintLane.ts"
import { Client, type RedisOptions } from "./connection/Client.ts"
import { lane } from "./propagation/HintLane.ts"
import { layerSharedCache } from "./propagation/SharedCache.ts"

export const layer = (options: RedisOptions) =>
  Layer.mergeAll(layerSharedCache, layerLane(lane(options))).pipe(Layer.provide(Client.layer(options)))
