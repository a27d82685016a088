/** What happened to clients, in the audit log in PostgreSQL: the check, the chain and the entries are one statement. */
import { Effect, Layer } from "effect"
import { ClientAudit } from "../../src/events/ClientAudit.ts"
import { guarded, refusing } from "./Failure.ts"
import { Pools } from "./Pools.ts"

export const layerClientAudit = Layer.effect(
  ClientAudit,
  Effect.map(Pools, ({ other: sql }) =>
    ClientAudit.of({
      append: (entries) =>
        Effect.map(
          guarded("write client events into the audit log")(
            sql<{ fresh: number }>`select herald_audit_clients(${JSON.stringify(entries)}::text::jsonb) as fresh`
          ),
          ([row]) => row!.fresh
        ).pipe(Effect.mapError(refusing))
    })
  )
)
