/**
 * Port: the append-only, hash-chained audit log. `hash = sha256(prevHash | id | config_id | action | performed_by | details | created_at)`.
 *
 *   AL1  An entry holds the digest of what was changed, so that the log tells not only that something was changed, but whether it is still
 *        what it was: versions, what is current, API keys.
 *   AL2  A check goes through the log in pages, each bounded in time, and keeps nothing between them but a place.
 *   AL3  A node checks one page at a time: whoever else asks waits in turn, and is told to come again when `CHECKS` wait already.
 */
import { Context, type Effect } from "effect"
import type { KeyScope } from "../access/KeyScope.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { AuditEntry, AuditMark, AuditProblem, HashedEntry } from "./AuditEntry.ts"

/** Pages that may wait to be checked. */
export const CHECKS = 8

export interface AuditPage {
  /** Entries that were checked, those of earlier pages included. */
  readonly entries: number
  /** Entries that there are. */
  readonly total: number
  readonly problem: AuditProblem | undefined
  /** Where the next page begins; undefined at the end. Opaque. */
  readonly next: string | undefined
}

export class AuditLog extends Context.Service<
  AuditLog,
  {
    /**
     * Entries with ids below `before`, newest first; with `after`, those above it, oldest first. One page (PB1) of at most `limit`. Fails
     * `DatabaseUnavailable` or `Timeout`, as do all.
     */
    readonly read: (options: {
      readonly limit: number
      readonly before?: bigint
      readonly after?: bigint
      readonly environment?: string
      /** With `environment`: only entries of these keys. */
      readonly scope?: KeyScope
    }) => Effect.Effect<ReadonlyArray<AuditEntry>, HeraldError>
    /** Entries above `after`, up to `upTo`, oldest first, each as it was hashed. One page (PB1) of at most `limit`. */
    readonly hashed: (options: {
      readonly after: bigint
      readonly upTo?: bigint
      readonly limit: number
    }) => Effect.Effect<ReadonlyArray<HashedEntry>, HeraldError>
    /** Checks the page from there, or the first; it ends with the first problem. Fails `InvalidInput` for a place that no page gave, `RateLimited`. AL2 */
    readonly check: (from: string | undefined) => Effect.Effect<AuditPage, HeraldError>
    /** The newest entry; undefined before the first. */
    readonly last: Effect.Effect<AuditMark | undefined, HeraldError>
    /** Those of the entries that exist. */
    readonly marks: (ids: ReadonlyArray<bigint>) => Effect.Effect<ReadonlyArray<AuditMark>, HeraldError>
  }
>()("herald/audit/AuditLog") {}
