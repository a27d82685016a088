/** A clock whose time of day is not that of this machine. */
import { type Clock, Effect } from "effect"

/** `by`: milliseconds that it is ahead now. It waits as long as the other does. */
export const aheadOf = (clock: Clock.Clock, by: () => number): Clock.Clock => {
  const millis = () => clock.currentTimeMillisUnsafe() + by()
  const nanos = () => clock.currentTimeNanosUnsafe() + BigInt(Math.round(by() * 1_000_000))
  return {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: clock.monotonicTimeNanos,
    sleep: (duration) => clock.sleep(duration)
  }
}
