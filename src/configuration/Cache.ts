/**
 * Port: current values by environment and key, in this process and bounded in bytes. It may forget anything at any time, and is never waited
 * for: what must be waited for is a SharedCache.
 */
import { Context } from "effect"
import type { Shared } from "./SharedCache.ts"

export class Cache extends Context.Service<
  Cache,
  {
    readonly get: (environment: string, key: string) => Shared | undefined
    /** Keeps the newer of what is there and `value`; another epoch's is replaced. */
    readonly setIfNewer: (value: Shared) => void
    /** Forgets everything. */
    readonly clear: () => void
  }
>()("herald/configuration/Cache") {}
