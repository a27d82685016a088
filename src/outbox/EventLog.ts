/** Port: the durable stream of events that other systems read. At least once, in order for each key. */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { LogEvent } from "./Event.ts"

export class EventLog extends Context.Service<
  EventLog,
  {
    /**
     * Returns once all events are durable. Fails `EventLogUnavailable` within 15 s; some of the events may be in the log then, and the
     * caller publishes them all again.
     */
    readonly publish: (events: ReadonlyArray<LogEvent>) => Effect.Effect<void, HeraldError>
  }
>()("herald/outbox/EventLog") {}
