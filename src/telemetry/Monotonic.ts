/** Milliseconds of a clock that goes forward, whatever becomes of the time of day. */
import type { Clock } from "effect"

export const millisOf = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
