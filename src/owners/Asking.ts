/**
 * Asks what is outside on behalf of a rollout's gates, again and again.
 *
 *   OJ1  What was heard counts for the stage in which it was asked: when one begins, or begins anew, each gate is asked anew, and an answer to a
 *        question from before is nobody's any more.
 */
import { Effect, FiberMap } from "effect"
import type { Gate, TrackGate } from "../plans/Plan.ts"
import type { Evidence, Reading } from "../rollouts/Evidence.ts"
import { unknown } from "../rollouts/Gates.ts"
import type { Rollout } from "../rollouts/Rollout.ts"
import { every } from "../telemetry/Every.ts"
import { type ExternalGate, questionOf, readingOf } from "./External.ts"
import type { Probe } from "./Probe.ts"

export interface Now {
  readonly rollout: Rollout
  readonly counts: Evidence["counts"] | undefined
}

type AskedGate = ExternalGate | TrackGate

const isAsked = (gate: Gate): gate is AskedGate =>
  gate.type === "prometheus" || gate.type === "webhook" || gate.type === "track"

/**
 * Lasts as long as the scope. `people`: what is said of those who were shown a variant. `now`: what a gate is told that is asked. `heard`: called when
 * one says something else than before.
 */
export const makeAsking = Effect.fnUntraced(function* (
  probe: Probe["Service"],
  people: (gate: TrackGate, rollout: Rollout) => Effect.Effect<Reading>,
  now: () => Now | undefined,
  heard: () => void
) {
  const fibers = yield* FiberMap.make<number>()
  const said = new Map<number, Reading>()

  const answerOf = (gate: AskedGate, { rollout, counts }: Now): Effect.Effect<Reading> =>
    gate.type === "track"
      ? people(gate, rollout)
      : Effect.map(probe.ask(questionOf(gate, rollout, counts)), (answer) => readingOf(gate, answer))

  const ask = (gate: AskedGate, place: number) =>
    Effect.suspend(() => {
      const about = now()
      if (about === undefined) return Effect.void
      return answerOf(gate, about).pipe(
        // Whatever it met is no answer.
        Effect.catchDefect(() => Effect.succeed(unknown(gate, "it could not be asked"))),
        Effect.flatMap((reading) =>
          Effect.sync(() => {
            const before = said.get(place)
            said.set(place, reading)
            if (before?.verdict !== reading.verdict) heard()
          })
        )
      )
    })

  return {
    /** What the gate at this place of the plan said last; undefined: nothing yet. */
    last: (place: number): Reading | undefined => said.get(place),
    /** Asks all of them from now on, and has heard nothing. OJ1 */
    anew: Effect.fnUntraced(function* ({ plan: { gates } }: Rollout) {
      yield* FiberMap.clear(fibers)
      said.clear()
      for (const [place, gate] of gates.entries()) {
        if (!isAsked(gate)) continue
        yield* FiberMap.run(fibers, place, every("a gate was not asked", gate.everyMillis, ask(gate, place)))
      }
    })
  }
})
