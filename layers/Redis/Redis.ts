/** Redis as shared cache and as lane of hints: a single server, a master under Sentinel, or a Redis Cluster. */
import { Layer } from "effect"
import * as SharedCache from "./configuration/SharedCache.ts"
import { Client, type RedisOptions } from "./connection/Client.ts"
import * as HintLane from "./propagation/HintLane.ts"

export const layer = (options: RedisOptions) =>
  Layer.mergeAll(SharedCache.layer, HintLane.layer(options)).pipe(Layer.provide(Client.layer(options)))
