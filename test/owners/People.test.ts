import { assert, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { ExperimentStore } from "../../src/experiments/ExperimentStore.ts"
import { FlagView } from "../../src/flags/FlagView.ts"
import { makePeople } from "../../src/owners/People.ts"
import type { TrackGate } from "../../src/plans/Plan.ts"
import { plan, rollout } from "../support/Rollouts.ts"

const flags = { find: () => undefined } as unknown as FlagView["Service"]
const gate: TrackGate = {
  type: "track",
  text: "track(error) < 1%",
  dryRun: false,
  event: "error",
  is: "<=",
  against: { limit: 0.01 },
  alpha: 0.01,
  minimum: 100,
  everyMillis: 5_000
}

it.effect("GP1 however many gates ask, one is summed up at a time, and the database rests between two", () => {
  const spans: Array<readonly [from: number, until: number]> = []
  const store = Layer.mock(ExperimentStore, {
    sum: () =>
      Effect.gen(function* () {
        const from = yield* Clock.currentTimeMillis
        yield* Effect.sleep("2 seconds")
        spans.push([from, yield* Clock.currentTimeMillis])
        return { units: [1_000, 0], mixed: 0, samples: [[{ n: 1_000, sum: 1, sumSquares: 1 }]] }
      })
  })
  return Effect.gen(function* () {
    const people = yield* makePeople
    const about = rollout({ plan: plan({ raise: { variant: "on" } }) })
    const asked = yield* Effect.forkChild(
      Effect.all(
        Array.from({ length: 5 }, () => people(gate, about)),
        { concurrency: "unbounded" }
      )
    )
    yield* TestClock.adjust("1 minute")
    const readings = yield* Fiber.join(asked)
    assert.deepStrictEqual(new Set(readings.map(({ verdict }) => verdict)), new Set(["good"]))
    assert.lengthOf(spans, 5)
    for (const [nth, [from]] of spans.entries()) if (nth > 0) assert.isAtLeast(from - spans[nth - 1]![1], 2_000)
  }).pipe(Effect.provide([store, Layer.succeed(FlagView, flags)]))
})
