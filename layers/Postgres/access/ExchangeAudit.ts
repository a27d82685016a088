/** Writes into the audit log in PostgreSQL which service tokens were made. */
import { Effect, Layer } from "effect"
import { ExchangeAudit } from "../../../src/access/ExchangeAudit.ts"
import { confirmed } from "../connection/Confirmed.ts"
import { Pools } from "../connection/Pools.ts"

export const layer = Layer.effect(
  ExchangeAudit,
  Effect.map(Pools, ({ other: sql }) =>
    ExchangeAudit.of({
      append: ({ principal, ...details }) =>
        Effect.asVoid(
          confirmed(
            sql,
            "write the exchange into the audit log"
          )(sql`select herald_audit('', 'token.exchange', ${principal}, ${JSON.stringify(details)}::text::jsonb)`)
        )
    })
  )
)
