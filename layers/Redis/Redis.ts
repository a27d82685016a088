/** Redis as shared cache, as lane of hints and as board for other programs: a single server, a master under Sentinel, or a Redis Cluster. */
import { Layer } from "effect"
import * as OpenTickets from "./access/OpenTickets.ts"
import * as SharedCache from "./configuration/SharedCache.ts"
import { Client, type RedisOptions } from "./connection/Client.ts"
import * as Limits from "./limits/Limits.ts"
import * as Noticeboard from "./noticeboard/Noticeboard.ts"
import * as HintLane from "./propagation/HintLane.ts"

export const layer = (options: RedisOptions) =>
  Layer.mergeAll(
    Limits.layer,
    OpenTickets.layer,
    SharedCache.layer,
    HintLane.layer(options),
    Noticeboard.layer(options)
  ).pipe(Layer.provide(Client.layer(options)))
