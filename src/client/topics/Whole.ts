/** Puts events together of which only what changed was sent. Pure. */
import type { Changed, Event } from "../../../proto/generated/herald/topics/v1/topics.ts"
import { changedBy, type Written, writtenOf } from "../../delta/Changes.ts"

/** Each as it was published; undefined: they do not fit each other. ZR5 */
export const wholeOf = (events: ReadonlyArray<Event>, changed: ReadonlyArray<Changed>): Array<Event> | undefined => {
  const gone = new Map(changed.map((change) => [change.event, change.gone]))
  const before = new Map<string, Written | undefined>()
  const whole: Array<Event> = []
  for (const [i, event] of events.entries()) {
    const its = gone.get(i)
    const last = before.get(event.key)
    const now =
      its === undefined ? writtenOf(event.payload) : last && changedBy(last, { payload: event.payload, gone: its })
    if (its !== undefined && now === undefined) return undefined
    if (event.key !== "") before.set(event.key, now)
    whole.push(its === undefined ? event : { ...event, payload: now!.bytes as Event["payload"] })
  }
  return whole
}
