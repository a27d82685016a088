import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { CurrentIdentity } from "../../../src/access/Identity.ts"
import { Budget, IN_ALL, reading as readingWith } from "../../../src/edge/http/Budget.ts"

const reading = <A, E, R>(bytes: number, read: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Budget, (budget) => readingWith(budget, bytes, read))

const by = (name: string, keyId = name) =>
  Effect.provideService(CurrentIdentity, { name, keyId, role: "publisher", environments: ["*"] })

describe("Budget", () => {
  it.effect(
    "B6 what would be more than may be read at once is told to come again; what ended or was interrupted is free",
    () =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const one = yield* Effect.forkChild(by("one")(reading(IN_ALL / 2, Deferred.await(gate))), {
          startImmediately: true
        })
        const two = yield* Effect.forkChild(by("two")(reading(IN_ALL / 2, Effect.never)), { startImmediately: true })
        const refused = yield* Effect.flip(by("three")(reading(1, Effect.void)))
        yield* Deferred.succeed(gate, undefined)
        yield* Fiber.join(one)
        yield* by("one")(reading(IN_ALL / 2, Effect.void))
        yield* Fiber.interrupt(two)

        assert.strictEqual(refused.name, "RateLimited")
        assert.deepStrictEqual(refused.details, { retryAfterMillis: 1_000 })
        yield* by("one")(reading(2 * IN_ALL, Effect.void)) // one alone always may
      }).pipe(Effect.provide(Budget.layer))
  )

  it.effect("B6 bodies of one principal, by whichever of its keys, leave room for those of others", () =>
    Effect.gen(function* () {
      const slow = (key: string) =>
        Effect.forkChild(Effect.exit(by("greedy", key)(reading(IN_ALL / 8, Effect.never))), { startImmediately: true })
      const fibers = yield* Effect.forEach([..."12121212"], slow)
      const refused = fibers.filter((fiber) => fiber.pollUnsafe() !== undefined)
      const others = yield* Effect.exit(by("other")(reading(IN_ALL / 8, Effect.void)))
      yield* Fiber.interruptAll(fibers)

      assert.strictEqual(others._tag, "Success")
      assert.strictEqual(refused.length, 2)
      yield* by("greedy")(reading(IN_ALL / 8, Effect.void))
    }).pipe(Effect.provide(Budget.layer))
  )
})
