/** The event log of a `Topic`. */
import { Clock, Effect, Layer } from "effect"
import { EventLog } from "../../../src/outbox/EventLog.ts"
import type { Topic } from "../Topic.ts"

export const layer = (topic: Topic) =>
  Layer.effect(
    EventLog,
    Effect.map(Clock.Clock, (clock) =>
      EventLog.of({
        publish: (events) =>
          topic.taking(() => {
            for (const event of events) {
              topic.events.push(event)
              topic.write(event.key, event.body, event.headers, clock.currentTimeMillisUnsafe())
            }
          })
      })
    )
  )
