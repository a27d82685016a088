/**
 * Port: reads flags from the store; `Commits` writes them. Fails `DatabaseUnavailable` or `Timeout`.
 *
 *   FS1  Pages are each of one moment and none older than the first. Every flag that was there at the first page's position comes, as it was or
 *        as it became since. So pages and log together give what is there at any later position.
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Position } from "../propagation/Position.ts"
import type { FeatureFlag } from "./FeatureFlag.ts"
import type { Stored } from "./Stored.ts"

/** Where a page ended. */
export type FlagCursor = Pick<Stored, "environment" | "key">

export interface StoredPage<C extends Stored> {
  /** The newest commit when this page was read. */
  readonly position: Position
  /** In the order of (environment, key) as the store sorts text; none that is deleted. */
  readonly found: ReadonlyArray<C>
  /** Undefined: there are no more. */
  readonly next: FlagCursor | undefined
}

/** What a store of flags gives, and a store of what flags share, too. */
export interface StoreOf<C extends Stored> {
  /** Of every environment, behind `after`: one page (PB1). FS1 */
  readonly page: (after: FlagCursor | undefined) => Effect.Effect<StoredPage<C>, HeraldError>
  /** Undefined when there is no such version; a deletion is one, too. */
  readonly version: (environment: string, key: string, version: number) => Effect.Effect<C | undefined, HeraldError>
  /** Newest first, versions below `before`: one page (PB1) of at most `limit`. */
  readonly history: (
    environment: string,
    key: string,
    options: { readonly limit: number; readonly before: number | undefined }
  ) => Effect.Effect<ReadonlyArray<C>, HeraldError>
}

export class FlagStore extends Context.Service<FlagStore, StoreOf<FeatureFlag>>()("herald/flags/FlagStore") {}
