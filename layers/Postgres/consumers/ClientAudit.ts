/** Writes what happened to clients into the audit log in PostgreSQL: check, chain and entries in one statement. */
import { Effect, Layer } from "effect"
import { ClientAudit } from "../../../src/consumers/ClientAudit.ts"
import { guarded, refusing } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"

export const layer = Layer.effect(
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
