/**
 * Port: current values, shared by all nodes and behind each node's own cache. It may forget anything at any time, be slow or be gone;
 * it is never asked what the newest revision is.
 */
import { Context, Effect } from "effect"
import type { Position } from "../propagation/Position.ts"
import type { Configuration, Head } from "./Configuration.ts"

/** A value and the epoch that its revision counts in. */
export interface Shared {
  readonly epoch: string
  readonly configuration: Configuration
}

export const positionOf = ({ epoch, configuration: { revision } }: Shared): Position => ({ epoch, revision })

export interface SharedCacheShape {
  /** Undefined when it is not there, or the cache does not answer in time. */
  readonly get: (environment: string, key: string) => Effect.Effect<Shared | undefined>
  /** Keeps the newer by revision; another epoch's value is replaced. A cache that does not answer is left as it is. */
  readonly setIfNewer: (shared: Shared) => Effect.Effect<void>
  /** Keys that are at these revisions now, whoever changed them; the newest last. An older value is soon taken away. */
  readonly outdate: (epoch: string, heads: ReadonlyArray<Pick<Head, "environment" | "key" | "revision">>) => void
  /**
   * Takes away the entries of these keys, for programs that read there, that are neither the head's nor newer. Undefined where nobody else
   * can write.
   * `gone`: the keys whose entries went; `bytes`: of what was looked at.
   */
  readonly inspect:
    | ((
        epoch: string,
        heads: ReadonlyArray<Head>
      ) => Effect.Effect<{ readonly gone: ReadonlyArray<Head>; readonly bytes: number }>)
    | undefined
}

/** None by default: values that this node's own cache lacks are read from the database. */
export const SharedCache = Context.Reference<SharedCacheShape>("herald/configuration/SharedCache", {
  defaultValue: () => ({
    get: () => Effect.undefined,
    setIfNewer: () => Effect.void,
    outdate: () => undefined,
    inspect: undefined
  })
})
