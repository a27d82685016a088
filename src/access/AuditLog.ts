/** Port: the append-only, hash-chained audit log. `hash = sha256(prevHash | id | config_id | action | performed_by | details | created_at)`. */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"

export interface AuditEntry {
  readonly id: bigint
  /** "<environment>/<key>", "<environment>/<service>" of a client, or "" where neither is concerned. */
  readonly configId: string
  readonly action: string
  readonly performedBy: string
  readonly details: Record<string, unknown>
  readonly createdAt: number
  readonly prevHash: string
  readonly hash: string
}

export class AuditLog extends Context.Service<
  AuditLog,
  {
    /** Newest first, ids below `before`; `after`: ascending from there instead. One page (PB1) of at most `limit`. */
    readonly read: (options: {
      readonly limit: number
      readonly before?: bigint
      readonly after?: bigint
      readonly environment?: string
    }) => Effect.Effect<ReadonlyArray<AuditEntry>, HeraldError>
    /** Recomputes the chain. `broken`: the first id whose hash does not follow. */
    readonly verify: Effect.Effect<{ readonly entries: number; readonly broken: bigint | undefined }, HeraldError>
  }
>()("herald/access/AuditLog") {}
