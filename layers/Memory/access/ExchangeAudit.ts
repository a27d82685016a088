/** ExchangeAudit over a `State`. */
import { Clock, Effect, Layer } from "effect"
import { ExchangeAudit } from "../../../src/access/ExchangeAudit.ts"
import { State } from "../State.ts"
import { AccessTables } from "./AccessTables.ts"

export const layer = Layer.effect(
  ExchangeAudit,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const log = (yield* State.service).tables(AccessTables)
    return ExchangeAudit.of({
      append: ({ principal, ...details }) =>
        Effect.sync(() => {
          const createdAt = clock.currentTimeMillisUnsafe()
          log.append({ configId: "", action: "token.exchange", performedBy: principal, details, createdAt })
        })
    })
  })
)
