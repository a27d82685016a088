/** Port: current values by environment and key, bounded in bytes. A cache may forget anything at any time. */
import { Context, type Effect } from "effect"
import type { Configuration } from "../configuration/Configuration.ts"

export class Cache extends Context.Service<
  Cache,
  {
    readonly get: (environment: string, key: string) => Effect.Effect<Configuration | undefined>
    /** Keeps the newer of what is there and `configuration`, by revision. */
    readonly setIfNewer: (configuration: Configuration) => Effect.Effect<void>
    /** Forgets everything: after a lost history the revisions of before mean nothing. */
    readonly clear: Effect.Effect<void>
  }
>()("herald/propagation/Cache") {}
