/** Outbox over a `State`. */

import { Clock, Effect, Layer } from "effect"
import { Outbox } from "../../../src/outbox/Outbox.ts"
import { fenced } from "../leases/LeaseTables.ts"
import { State } from "../State.ts"
import { OutboxTables } from "./OutboxTables.ts"

export const layer = Layer.effect(
  Outbox,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    const outbox = state.tables(OutboxTables)
    return Outbox.of({
      backlog: Effect.sync(() => {
        const { position } = outbox
        const oldest = BigInt(state.swept) + 1n
        const kept =
          state.revisions.findLast(({ epoch, revision }) => epoch === position.epoch && revision <= position.revision)
            ?.revision ?? oldest - 1n
        const lost = position.epoch !== state.epoch || state.head < position.revision
        return {
          position,
          head: { epoch: state.epoch, revision: state.head },
          oldest,
          kept: lost ? kept : position.revision,
          waitingSince: state.revisions.find(({ revision }) => revision > position.revision)?.committedAt
        }
      }),
      advance: (lease, position, leaseMillis) =>
        Effect.sync(() => {
          if (!fenced(state, lease, leaseMillis, clock.currentTimeMillisUnsafe())) return false
          outbox.position = position
          return true
        })
    })
  })
)
