/** Port: clients that came and went, in the audit log. */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Unkeepable } from "../errors/Unkeepable.ts"

export interface ClientEntry {
  /** The event's id. */
  readonly id: string
  readonly action: "client.connect" | "client.disconnect" | "client.timeout"
  readonly environment: string
  readonly service: string
  readonly instance: string
  readonly node: string
  readonly reason: string
  /** When it happened, ISO 8601. */
  readonly at: string
}

export class ClientAudit extends Context.Service<
  ClientAudit,
  {
    /**
     * All or nothing; an event that is in the log already is not written again. Returns how many were new. Fails `DatabaseUnavailable`,
     * `DatabaseReadOnly` or `Timeout`; `Unkeepable` when the log can never take one of them.
     */
    readonly append: (entries: ReadonlyArray<ClientEntry>) => Effect.Effect<number, HeraldError | Unkeepable>
  }
>()("herald/consumers/ClientAudit") {}
