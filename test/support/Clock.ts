/** Moves the TestClock in small steps, so that what is due in between happens in between. */
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { turn } from "./turn.ts"

/** Lets `millis` pass, and fibers run meanwhile. */
export const pass = (millis: number, steps = 20) =>
  Effect.repeat(TestClock.adjust(millis / steps), { times: steps - 1 })

/** Lets time pass, `millis` in each turn of the loop, until `done`: for what waits for this process's own sockets, too. */
export const passUntil = (done: () => boolean, millis = 20) =>
  Effect.repeat(Effect.andThen(Effect.promise(turn), TestClock.adjust(millis)), { until: done })

/** Lets whatever is ready run to its end. */
export const settle = pass(10, 10)
