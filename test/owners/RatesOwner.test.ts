/** What becomes of a rollout by what clients count, from their reports to its last transition. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Placement from "../../layers/Memory/placement/Placement.ts"
import { State } from "../../layers/Memory/State.ts"
import * as Owners from "../../src/owners/Owners.ts"
import type { Gate } from "../../src/plans/Plan.ts"
import { gateOf } from "../../src/plans/ReadGates.ts"
import type { Evidence } from "../../src/rollouts/Evidence.ts"
import { Counting } from "../../src/sightings/Counting.ts"
import { pass } from "../support/Clock.ts"
import { NOW, plan, stage } from "../support/Rollouts.ts"
import { World } from "./World.ts"

const GATE = gateOf("errors/requests <= 1.2 * control") as Gate

const node = (world: World) =>
  Owners.layer.pipe(
    Layer.provide(Placement.layer.pipe(Layer.provide(Layer.succeed(State.service, new State())))),
    Layer.provide(world.layer),
    Layer.fresh
  )

/** What a node makes of the reports of 10 instances that have the change and 90 that don't. */
const counting = () => {
  const sums = new Counting([GATE])
  const reported = new Map<string, { requests: number; errors: number }>()
  const report = (instance: string, side: "cohort" | "control", requests: number, errors: number) => {
    const before = reported.get(instance) ?? { requests: 5_000, errors: 17 }
    if (!reported.has(instance)) sums.report(instance, side, before)
    const now = { requests: before.requests + requests, errors: before.errors + errors }
    reported.set(instance, now)
    sums.report(instance, side, now)
  }
  return {
    /** Each serves so many requests, of which so many fail. */
    serve: (requests: number, cohort: (n: number) => number, control: number): Evidence["metrics"] => {
      for (let n = 0; n < 100; n++) {
        if (n < 10) report(`web-${n}`, "cohort", requests, cohort(n))
        else report(`web-${n}`, "control", requests, control + (n % 3) - 1)
      }
      const metrics: Record<string, { cohort: number; control: number }> = {}
      for (const { side, metric, total } of sums.totals())
        (metrics[metric] ??= { cohort: 0, control: 0 })[side] += total
      return metrics
    }
  }
}

const begun = Effect.fnUntraced(function* (world: World) {
  yield* TestClock.setTime(NOW)
  world.population = Array.from({ length: 100 }, (_, n) => ({ service: "s", instance: `web-${n}`, labels: {} }))
  const kept = world.add({ until: NOW, plan: plan({ stages: [stage(10)], gates: [GATE] }) })
  yield* Layer.build(node(world))
  yield* pass(1_000)
  world.report(kept, { applied: 10 })
  yield* pass(1_000)
  assert.strictEqual(kept.rollout.state, "baking")
  return kept
})

describe("gates of rates, decided on", () => {
  it.effect("VG1 MV1 errors three times as many as the control has take it back at once, with the numbers", () => {
    const world = new World()
    return Effect.gen(function* () {
      const kept = yield* begun(world)
      const { serve } = counting()
      world.report(kept, { applied: 10 }, { metrics: serve(400, (n) => 4 + (n % 3) - 1, 4) })
      yield* pass(1_000)
      assert.strictEqual(kept.rollout.state, "baking")
      world.report(kept, { applied: 10 }, { metrics: serve(400, (n) => 22 + (n % 3) - 1, 4) })
      yield* pass(250, 25)
      assert.strictEqual(kept.rollout.state, "rolled_back")
      assert.match(
        kept.rollout.why.text,
        /^errors\/requests <= 1\.2 \* control: 258 errors of 8,000 requests of 10 instances \(3\.23%\) against 1% of 90 instances, .+ takes it back/
      )
    })
  })

  it.effect("VG2 MV2 what looks worse and isn't proven to be pauses, and so does what nobody counts", () => {
    const [leaning, silent, usual] = [new World(), new World(), new World()]
    return Effect.gen(function* () {
      const one = yield* begun(leaning)
      leaning.report(one, { applied: 10 }, { metrics: counting().serve(400, (n) => 9 + (n % 3) - 1, 4) })
      const two = yield* begun(silent)
      const three = yield* begun(usual)
      usual.report(three, { applied: 10 }, { metrics: counting().serve(400, (n) => 4 + (n % 3) - 1, 4) })
      yield* pass(300_000, 60)
      assert.strictEqual(one.rollout.state, "paused")
      assert.match(one.rollout.why.text, /nobody knows whether it is good: .+above 1 it does not go on/)
      assert.strictEqual(two.rollout.state, "paused")
      assert.match(two.rollout.why.text, /no instance of the cohort has counted requests yet/)
      assert.strictEqual(three.rollout.state, "paused")
      assert.match(three.rollout.why.text, /is good, and was the last; promote gives it to everyone/)
    })
  })

  it.effect("VG1 VK1 all errors of one instance take nothing back", () => {
    const world = new World()
    return Effect.gen(function* () {
      const kept = yield* begun(world)
      world.report(kept, { applied: 10 }, { metrics: counting().serve(4_000, (n) => (n === 3 ? 4_000 : 40), 40) })
      yield* pass(300_000, 60)
      assert.strictEqual(kept.rollout.state, "paused")
      assert.match(kept.rollout.why.text, /instances differ too much, or are too few, to tell/)
    })
  })
})
