/** Port: current values by environment and key, bounded in bytes. A cache may forget anything at any time. */
import { Context, type Effect } from "effect"
import type { Shared } from "./SharedCache.ts"

export class Cache extends Context.Service<
  Cache,
  {
    readonly get: (environment: string, key: string) => Effect.Effect<Shared | undefined>
    /** Keeps the newer of what is there and `value`; another epoch's is replaced. */
    readonly setIfNewer: (value: Shared) => Effect.Effect<void>
    /** Forgets everything. */
    readonly clear: Effect.Effect<void>
  }
>()("herald/propagation/Cache") {}
