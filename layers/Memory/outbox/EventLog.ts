/** An event log in memory that a test can look into. */
import { Effect, Layer } from "effect"
import { failure } from "../../../src/errors/HeraldError.ts"
import type { LogEvent } from "../../../src/outbox/Event.ts"
import { EventLog } from "../../../src/outbox/EventLog.ts"

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
