/** ClientAudit over a `State`. */
import { Clock, Effect, Layer } from "effect"
import { ClientAudit } from "../../../src/consumers/ClientAudit.ts"
import { State } from "../State.ts"

export const layer = Layer.effect(
  ClientAudit,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    return ClientAudit.of({
      append: (entries) =>
        Effect.sync(() => {
          let fresh = 0
          for (const { id, action, environment, service, instance, node, reason, at } of entries) {
            if (state.audit.some(({ details }) => details["event"] === id)) continue
            state.append({
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
