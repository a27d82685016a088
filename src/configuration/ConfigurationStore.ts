/**
 * Port: reads configurations from the store; `Commits` writes them. Fails `DatabaseUnavailable` or `Timeout`.
 *
 *   W4  Heads are read in pages, each of one moment and none older than the first. Every head that was current at the first page's
 *       position comes, at that revision or a later one. So pages and log together give what is current at any later position.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Position } from "../propagation/Position.ts"
import type { Configuration, Head } from "./Configuration.ts"

/** Where a page of heads ended. */
export type HeadCursor = Pick<Head, "environment" | "key">

export interface HeadPage {
  /** The newest commit when this page was read. */
  readonly position: Position
  /** In the order of (environment, key) as the store sorts text. */
  readonly heads: ReadonlyArray<Head>
  /** Undefined: there are no more. */
  readonly next: HeadCursor | undefined
}

export class ConfigurationStore extends Context.Service<
  ConfigurationStore,
  {
    /** The environment's templates that are not deleted, and the position at which these were all. */
    readonly templates: (
      environment: string
    ) => Effect.Effect<{ readonly position: Position; readonly heads: ReadonlyArray<Head> }, HeraldError>
    /** The current version, as it is now, tombstones included; undefined when the key never existed. */
    readonly current: (environment: string, key: string) => Effect.Effect<Configuration | undefined, HeraldError>
    /**
     * As `current` for many keys, each as of `atLeast` or later, so that a replica may answer. Gives one page (PB1): answers to the first of
     * `keys`, in their order, one at least. Fails as a whole.
     */
    readonly currents: (
      keys: ReadonlyArray<HeadCursor>,
      atLeast: Position
    ) => Effect.Effect<ReadonlyArray<Configuration | undefined>, HeraldError>
    /** Undefined when there is no such version; a tombstone is returned. */
    readonly version: (
      environment: string,
      key: string,
      version: number
    ) => Effect.Effect<Configuration | undefined, HeraldError>
    /** Newest first, versions below `before`: one page (PB1) of at most `limit`. */
    readonly history: (
      environment: string,
      key: string,
      options: { readonly limit: number; readonly before: number | undefined }
    ) => Effect.Effect<ReadonlyArray<Configuration>, HeraldError>
    /** Heads of every environment behind `after`, at most `limit`; tombstones that were not purged included. W4 */
    readonly heads: (after: HeadCursor | undefined, limit: number) => Effect.Effect<HeadPage, HeraldError>
  }
>()("herald/configuration/ConfigurationStore") {}
