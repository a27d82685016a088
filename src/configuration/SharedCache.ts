/**
 * Port: current values, shared by all nodes, asked where a node's own cache has none. It may forget anything at any time, be slow or be gone,
 * and never fails. It is never asked which revision is the newest.
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
  /** Keeps the one with the higher revision; a value of another epoch is replaced. Does nothing where the cache does not answer. */
  readonly setIfNewer: (shared: Shared) => Effect.Effect<void>
  /** Tells which revisions keys are at now, the newest last. Older values are removed soon; does not wait. */
  readonly outdate: (epoch: string, heads: ReadonlyArray<Pick<Head, "environment" | "key" | "revision">>) => void
  /**
   * Removes entries of these keys that are neither the head's value nor newer: other programs read and write there. Undefined where none can.
   * `gone`: keys whose entries were removed; `bytes`: how many were looked at.
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
