/**
 * Sums up for a gate what people did whom a flag showed its variants, since the stage began.
 *
 *   GP1  One sum at a time on a node, with a pause behind it that is as long: however many gates ask, they take half of the database's time for
 *        one question at most.
 */
import { Clock, Effect, Result, Semaphore } from "effect"
import { readDefinition } from "../evaluation/ReadDefinition.ts"
import { ExperimentStore } from "../experiments/ExperimentStore.ts"
import { FlagView } from "../flags/FlagView.ts"
import type { TrackGate } from "../plans/Plan.ts"
import type { Reading } from "../rollouts/Evidence.ts"
import { unknown } from "../rollouts/Gates.ts"
import type { Rollout } from "../rollouts/Rollout.ts"
import { tracks } from "../rollouts/Tracks.ts"

/** Milliseconds in which people may do it: longer than reports are kept. */
const EVER = 400 * 86_400_000

export const makePeople = Effect.gen(function* () {
  const store = yield* ExperimentStore
  const flags = yield* FlagView
  const summing = yield* Semaphore.make(1)
  let restsUntil = 0

  /** GP1 */
  const inTurn = <A, E>(sum: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const now = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
      yield* Effect.sleep(Math.max(0, restsUntil - now()))
      const began = now()
      return yield* Effect.ensuring(
        sum,
        Effect.sync(() => {
          restsUntil = 2 * now() - began
        })
      )
    }).pipe(summing.withPermits(1))

  return Effect.fnUntraced(function* (
    gate: TrackGate,
    { environment, plan, targets, begun }: Rollout
  ): Effect.fn.Return<Reading, never> {
    const [target, stage, variant] = [targets[0], begun.at(-1), plan.raise?.variant]
    if (target === undefined || stage === undefined || variant === undefined) return unknown(gate, "nobody has it yet")
    const text = flags.find(environment, target.key)?.definition
    const all = text == null ? undefined : Result.getOrUndefined(readDefinition(text))?.variants.keys()
    const variants = [variant, ...(all ?? [])].filter((one, at) => at === 0 || one !== variant)
    // A stage's version of the flag is the base of what comes after it.
    const summed = yield* Effect.result(
      inTurn(
        store.sum(environment, {
          flag: target.key,
          flagVersion: target.base,
          variants,
          from: stage.at,
          until: stage.at + EVER,
          metrics: [{ event: gate.event, kind: "conversion", windowMillis: EVER, cap: null }]
        })
      )
    )
    if (summed._tag === "Failure") return unknown(gate, `what people did can't be read: ${summed.failure.message}`)
    const { units, samples } = summed.success
    const people = variants.map((_, nth) => ({ n: units[nth] ?? 0, did: samples[0]?.[nth]?.sum ?? 0 }))
    const [its, ...others] = people
    const rest = others.reduce((sum, { n, did }) => ({ n: sum.n + n, did: sum.did + did }), { n: 0, did: 0 })
    return tracks(gate, variant, its!, rest)
  })
})
