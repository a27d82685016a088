/**
 * How busy the event loop is: by how much a timer is late, as far as this thread used a processor meanwhile.
 *
 *   LB1  Time in which the process was stopped, or waited for a processor, is not busy: nobody knows how long the world went on.
 */
import { Effect, Layer } from "effect"
import { Loop } from "../../src/telemetry/Loop.ts"

/** Milliseconds. */
const TICK = 50
/** Ticks that count as the last few: an answer is read in one turn and understood in the next ones. */
const FEW = 4
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
  const last: Array<bigint> = []
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
    recent: () => last.reduce((sum, held) => sum + held, current()),
    tick: () => {
      const held = current()
      busy += held
      last.push(held)
      if (last.length > FEW) last.shift()
      at = now()
      usedAt = used()
    }
  }
}

export const layer = Layer.effect(
  Loop,
  Effect.gen(function* () {
    const { busy, recent, tick } = makeLoop(process.hrtime.bigint, used)
    yield* Effect.acquireRelease(
      Effect.sync(() => setInterval(tick, TICK).unref()),
      (timer) => Effect.sync(() => clearInterval(timer))
    )
    return { busy, recent }
  })
)
