/** Time on the TestClock, in small steps: what is due in between happens in between. */
import { Effect } from "effect"
import { TestClock } from "effect/testing"

/** Lets fibers run, and `millis` pass. */
export const pass = (millis: number, steps = 20) =>
  Effect.repeat(TestClock.adjust(millis / steps), { times: steps - 1 })

/** Lets whatever is ready run to its end. */
export const settle = pass(10, 10)
