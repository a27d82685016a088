/** Port: the clients that are connected, to this node and to others, for dry runs and reports. Sessions implements it. */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { ClientView } from "../updates/Client.ts"

export class ConnectedClients extends Context.Service<
  ConnectedClients,
  {
    /** Connected clients whose subscription covers the key. NO4. Fails `DatabaseUnavailable` or `Timeout`. */
    readonly covering: (environment: string, key: string) => Effect.Effect<ReadonlyArray<ClientView>, HeraldError>
  }
>()("herald/fleet/ConnectedClients") {}
