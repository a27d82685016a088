import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Result } from "effect"
import { makeRenderer } from "../../src/configuration/Renderer.ts"
import { compile } from "../../src/configuration/Template.ts"
import type { Job } from "../../src/work/Job.ts"
import { workers } from "../support/workers.ts"
import { client } from "./Harness.ts"

const large = compile(`["{{client.zone}}","${"x".repeat(70_000)}"]`, "json")
const small = compile('["{{client.zone}}"]', "json")

describe("Renderer", () => {
  it.effect("RN1 two large templates have their turn at once, small ones wait for nobody", () =>
    Effect.gen(function* () {
      const { inTurn } = yield* makeRenderer
      const gate = yield* Deferred.make<void>()
      let begun = 0
      const held = Effect.andThen(
        Effect.sync(() => void begun++),
        Deferred.await(gate)
      )
      const fibers = yield* Effect.forEach([1, 2, 3, 4], () => Effect.forkChild(inTurn(large, held)))
      yield* Effect.yieldNow
      assert.strictEqual(begun, 2)
      yield* inTurn(small, Effect.void)
      yield* Deferred.succeed(gate, undefined)
      for (const fiber of fibers) yield* Fiber.join(fiber)
      assert.strictEqual(begun, 4)
    }).pipe(Effect.provide(workers()))
  )

  it.effect("RN1 reads a large rendering in a thread, and a small one at once", () => {
    const begun: Array<Job> = []
    return Effect.gen(function* () {
      const { render } = yield* makeRenderer
      const read = (template: typeof large) => render(template, {}, client("i", { zone: "z" }), "json")
      assert.deepStrictEqual(yield* read(small), Result.succeed('["z"]'))
      assert.strictEqual(begun.length, 0)
      assert.isTrue(Result.isSuccess(yield* read(large)))
      assert.strictEqual(begun.length, 1)
    }).pipe(Effect.provide(workers({ began: (job) => void begun.push(job) })))
  })
})
