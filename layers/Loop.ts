/**
 * How busy the event loop is: by how much a timer is late, as far as this thread used a processor meanwhile.
 *
 *   LB1  Time in which the process was stopped, or waited for a processor, is not busy: nobody knows how long the world went on.
 */
import { Effect, Layer } from "effect"
import { Loop } from "../src/propagation/Loop.ts"

/** Milliseconds. */
const TICK = 50
/** Nanoseconds a timer may be late without being held up. */
const USUAL = BigInt(2 * TICK) * 1_000_000n

/** Nanoseconds of this thread. */
const used = (): bigint => {
  const { user, system } = process.threadCpuUsage()
  return BigInt(user + system) * 1_000n
}

/** `now` and `used` in nanoseconds. Call `tick` every `TICK`. */
export const makeLoop = (now: () => bigint, used: () => bigint) => {
  let at = now()
  let usedAt = used()
  let busy = 0n
  /** Since the last tick. LB1 */
  const current = () => {
    const passed = now() - at
    if (passed <= USUAL) return 0n
    const worked = used() - usedAt
    // biome-ignore lint/complexity/useMathMinMax: Math.min takes no bigint
    return worked < passed ? worked : passed
  }
  return {
    busy: () => busy + current(),
    tick: () => {
      busy += current()
      at = now()
      usedAt = used()
    }
  }
}

export const layer = Layer.effect(
  Loop,
  Effect.gen(function* () {
    const { busy, tick } = makeLoop(process.hrtime.bigint, used)
    yield* Effect.acquireRelease(
      Effect.sync(() => setInterval(tick, TICK).unref()),
      (timer) => Effect.sync(() => clearInterval(timer))
    )
    return { busy }
  })
)
