/** ClientAudit over a `State`. */
import { Clock, Effect, Layer } from "effect"
import { ClientAudit } from "../../../src/consumers/ClientAudit.ts"
import { AccessTables } from "../access/AccessTables.ts"
import { State } from "../State.ts"

export const layer = Layer.effect(
  ClientAudit,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const log = (yield* State.service).tables(AccessTables)
    return ClientAudit.of({
      append: (entries) =>
        Effect.sync(() => {
          let fresh = 0
          for (const { id, action, environment, service, instance, node, reason, at } of entries) {
            if (log.audit.some(({ details }) => details["event"] === id)) continue
            log.append({
              configId: `${environment}/${service}`,
              action,
              performedBy: `client:${service}/${instance}`,
              details: { event: id, node, reason, at },
              createdAt: clock.currentTimeMillisUnsafe()
            })
            fresh++
          }
          return fresh
        })
    })
  })
)
