import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { IN_ALL, reading } from "../../../src/edge/http/Budget.ts"

describe("Budget", () => {
  it.effect(
    "B6 what would be more than may be read at once is told to come again; what ended or was interrupted is free",
    () =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const one = yield* Effect.forkChild(reading(IN_ALL / 2, Deferred.await(gate)), { startImmediately: true })
        const two = yield* Effect.forkChild(reading(IN_ALL / 2, Effect.never), { startImmediately: true })
        const refused = yield* Effect.flip(reading(1, Effect.void))
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(one)
        yield* reading(IN_ALL / 2, Effect.void)
        yield* Fiber.interrupt(two)

        assert.strictEqual(refused.name, "RateLimited")
        assert.deepStrictEqual(refused.details, { retryAfterMillis: 1_000 })
        yield* reading(2 * IN_ALL, Effect.void) // one alone always may
      })
  )
})
