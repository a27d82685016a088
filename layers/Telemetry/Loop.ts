/**
 * Measures how busy the event loop is: by how much a timer is late, as far as this thread used a processor meanwhile.
 *
 *   LB1  Time for which the process was stopped, or waited for a processor, does not count as busy: the world went on meanwhile.
 */
import { Effect, Layer } from "effect"
import { Loop } from "../../src/telemetry/Loop.ts"

/** Milliseconds. */
const TICK = 50
/** Ticks that `recent` covers: an answer is read in one turn of the loop and handled in the next ones. */
const FEW = 4
/** Nanoseconds by which a timer may be late without the loop being held up. */
const USUAL = BigInt(2 * TICK) * 1_000_000n

/** Processor time of this thread, in nanoseconds. */
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
