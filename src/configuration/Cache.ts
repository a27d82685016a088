/**
 * Port: current values by environment and key, in this process and bounded in bytes. It may forget anything at any time. It answers at once and
 * never fails; a cache that must be waited for is a SharedCache.
 */
import { Context } from "effect"
import type { Shared } from "./SharedCache.ts"

export class Cache extends Context.Service<
  Cache,
  {
    readonly get: (environment: string, key: string) => Shared | undefined
    /** Keeps whichever is newer, what is there or `value`; a value of another epoch is replaced. */
    readonly setIfNewer: (value: Shared) => void
    /** Forgets everything. */
    readonly clear: () => void
  }
>()("herald/configuration/Cache") {}
