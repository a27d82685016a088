/** Port: the clients that are connected here, for dry runs and reports. Sessions implements it. */
import { Context } from "effect"
import type { ClientView } from "../configuration/Rendering.ts"

export class Fleet extends Context.Service<
  Fleet,
  {
    /** Connected clients whose subscription covers the key. */
    readonly covering: (environment: string, key: string) => ReadonlyArray<ClientView>
  }
>()("herald/sessions/Fleet") {}
