import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Rollouts } from "../../src/rollouts/Rollouts.ts"
import { asSystem, draft, node, publish, wanted } from "./Node.ts"

const why = { message: "why" }

describe("rollouts by hand", () => {
  it.effect("RH1 what a person asks for is done as the rollout is by then, once, and refused where it can't be", () =>
    Effect.gen(function* () {
      const rollouts = yield* Rollouts
      const connected = yield* rollouts.start(wanted({ changes: [draft("a", "one")] }), why)
      const { key } = connected.rollout
      const move = (asked: "pause" | "resume" | "promote" | "abort", idempotencyKey?: string) =>
        rollouts.move("production", key, asked, { message: "", idempotencyKey })
      assert.strictEqual((yield* move("promote")).rollout.state, "deploying")
      assert.strictEqual((yield* move("pause", "k")).rollout.state, "paused")
      const again = yield* move("pause", "k")
      assert.deepStrictEqual([again.replayed, again.rollout.state], [true, "paused"])
      assert.include((yield* Effect.flip(move("pause"))).message, "paused already")
      const both = yield* Effect.all([move("resume"), rollouts.move("production", key, "promote", why)], {
        concurrency: 2
      })
      assert.deepStrictEqual(both.map(({ rollout: { state } }) => state).sort(), ["deploying", "deploying"])
      assert.strictEqual((yield* move("abort")).rollout.state, "aborted")
      const over = yield* Effect.flip(move("resume"))
      assert.deepStrictEqual([over.name, over.message.includes("over")], ["RolloutState", true])
      assert.strictEqual((yield* Effect.flip(rollouts.move("production", "r999", "pause", why))).name, "NotFound")
      const history = yield* rollouts.history("production", key, { limit: 100, after: 0 })
      assert.deepStrictEqual(
        history.map(({ state }) => state),
        ["scheduled", "deploying", "paused", "deploying", "deploying", "aborted"]
      )
      yield* publish(draft("a", "free again"))
    }).pipe(asSystem, Effect.provide(node({ connected: [{ service: "s", instance: "i", labels: {} }] })))
  )

  it.effect("RH3 two who promote the same stage at once begin the next one, once", () =>
    Effect.gen(function* () {
      const rollouts = yield* Rollouts
      const { rollout } = yield* rollouts.start(wanted({ changes: [draft("a", "one")] }), why)
      const promote = Effect.result(rollouts.move("production", rollout.key, "promote", why))
      const both = yield* Effect.all([promote, promote], { concurrency: 2 })
      const told = both.map((one) => (one._tag === "Success" ? one.success.rollout.stage : one.failure.message)).sort()
      assert.deepStrictEqual(told, [
        0,
        `the rollout ${rollout.key} in production can't be promoted: stage 1 of ${rollout.plan.stages.length} has begun meanwhile`
      ])
    }).pipe(asSystem, Effect.provide(node({ connected: [{ service: "s", instance: "i", labels: {} }] })))
  )
})
