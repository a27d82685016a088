/** The shared cache and the hint lane on Redis. */
import { Layer } from "effect"
import { RedisClient, type RedisClientOptions } from "./Client.ts"
import * as Lane from "./Lane.ts"
import * as SharedCache from "./SharedCache.ts"

export const layer = (options: RedisClientOptions) =>
  Layer.mergeAll(SharedCache.layer, Lane.layer).pipe(Layer.provide(RedisClient.layer(options)))
