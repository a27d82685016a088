import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { makeOwner, Owning } from "../../src/owners/Owner.ts"
import { pass, settle } from "../support/Clock.ts"
import { NOW, rollout } from "../support/Rollouts.ts"
import { World } from "./World.ts"

const at = TestClock.setTime(NOW)

describe("Owner, with others", () => {
  it.effect("OG1 RQ1 an owner that was fenced changes nothing, and a person's move is seen", () => {
    const world = new World()
    return Effect.gen(function* () {
      yield* at
      const kept = world.add({ ...rollout({ state: "baking", until: NOW + 60_000 }) })
      world.report(kept, { healthy: 10 })
      const fiber = yield* Effect.forkScoped(
        Effect.flatMap(makeOwner, ({ own }) => own("production", "r17", new Owning())).pipe(Effect.provide(world.layer))
      )
      yield* settle
      kept.fence++
      yield* pass(60_000, 60)
      assert.strictEqual(kept.rollout.state, "baking")
      yield* pass(400, 4)
      assert.deepStrictEqual([...new Set(world.refusals)], ["somebody else decides on it"])
      assert.strictEqual(kept.rollout.state, "baking")
      const moved = { ...kept.rollout, state: "aborted" as const, version: 3, until: null }
      kept.rollout = moved
      yield* pass(6_000)
      assert.strictEqual(yield* Fiber.join(fiber), undefined, "it ends with the rollout")
      assert.strictEqual(kept.rollout, moved)
    })
  })

  it.effect("OG1 RQ1 an owner whose turn it is again claims what another one had meanwhile, and goes on", () => {
    const world = new World()
    return Effect.gen(function* () {
      yield* at
      const kept = world.add({ ...rollout({ state: "baking", until: NOW + 60_000 }) })
      world.report(kept, { healthy: 10 })
      yield* Effect.forkScoped(
        Effect.flatMap(makeOwner, ({ own }) => own("production", "r17", new Owning())).pipe(Effect.provide(world.layer))
      )
      yield* settle
      kept.fence++
      yield* pass(70_000, 70)
      assert.deepStrictEqual([...new Set(world.refusals)], ["somebody else decides on it"])
      assert.deepInclude(kept.rollout, { state: "deploying", stage: 1 })
    })
  })
})
