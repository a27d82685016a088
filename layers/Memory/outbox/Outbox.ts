/** Outbox over a `State`, and an event log that a test can look into. */
import { Clock, Effect, Layer } from "effect"
import { failure } from "../../../src/errors/HeraldError.ts"
import type { LogEvent } from "../../../src/outbox/Event.ts"
import { EventLog } from "../../../src/outbox/EventLog.ts"
import { Outbox } from "../../../src/outbox/Outbox.ts"
import { fenced } from "../leases/Leases.ts"
import type { State } from "../State.ts"

export const layerOutbox = (state: State) =>
  Layer.effect(
    Outbox,
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const { outbox } = state
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
            Object.assign(outbox, { position })
            return true
          })
      })
    })
  )

/** The log of events in memory. */
export class EventLogMemory {
  readonly events: Array<LogEvent> = []
  down = false
  /** Calls of `publish`, failed ones included. */
  tries = 0

  readonly layer = Layer.succeed(EventLog, {
    publish: (events) =>
      Effect.suspend(() => {
        this.tries++
        if (this.down) return Effect.fail(failure("EventLogUnavailable", "it is down"))
        this.events.push(...events)
        return Effect.void
      })
  })
}
