import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { State } from "../../layers/Memory/State.ts"
import { failure, type HeraldError } from "../../src/errors/HeraldError.ts"
import { type Lease, Leases } from "../../src/leases/Leases.ts"
import { takeTurns } from "../../src/leases/Turns.ts"
import { pass as passIn } from "../support/Clock.ts"

/** Each second; lets fibers run in between. */
const pass = (seconds: number) => passIn(seconds * 1_000, seconds)
const turnsOf = (run: string, work: (lease: Lease) => Effect.Effect<void, HeraldError>) =>
  takeTurns({ name: "work", run, pause: "10 seconds" }, work)

describe("Turns", () => {
  it.effect("LE1 one of several nodes works, and another when that one leaves or dies", () =>
    Effect.gen(function* () {
      const done: Array<string> = []
      const node = Effect.fnUntraced(function* (run: string) {
        const scope = yield* Scope.make()
        yield* turnsOf(run, () => Effect.sync(() => void done.push(run))).pipe(Scope.provide(scope))
        return scope
      })
      const [a, b] = [yield* node("a"), yield* node("b")]
      yield* pass(50)
      const first = done[0]!
      assert.deepStrictEqual([...new Set(done)], [first])
      assert.isAtLeast(done.length, 4)

      yield* Scope.close(first === "a" ? a : b, Exit.void)
      done.length = 0
      yield* pass(11) // given up: no lease has to pass
      assert.deepStrictEqual([...new Set(done)], [first === "a" ? "b" : "a"])
      yield* Scope.close(first === "a" ? b : a, Exit.void)
    }).pipe(Effect.provide(Memory.layerOn(new State())))
  )

  it.effect("LE1 a node that dies is followed when its lease has passed, and not before", () =>
    Effect.gen(function* () {
      const leases = yield* Leases
      const done: Array<string> = []
      yield* leases.claim("work", "dead", 30_000)
      yield* turnsOf("next", () => Effect.sync(() => void done.push("next")))
      yield* pass(29)
      assert.deepStrictEqual(done, [])
      yield* pass(3)
      assert.deepStrictEqual(done, ["next"])
    }).pipe(Effect.scoped, Effect.provide(Memory.layerOn(new State())))
  )

  it.effect("LE4 work that fails or meets a defect is done again after the pause, and the lease stays", () =>
    Effect.gen(function* () {
      const tries: Array<bigint> = []
      yield* turnsOf("a", (lease) =>
        Effect.suspend(() => {
          tries.push(lease.token)
          if (tries.length === 2) return Effect.die(new Error("a defect"))
          return tries.length < 4 ? Effect.fail(failure("DatabaseUnavailable", "it is away")) : Effect.void
        })
      )
      yield* pass(51)

      assert.strictEqual(tries.length, 5)
      for (const [i, token] of tries.entries()) if (i > 0) assert.isTrue(token > tries[i - 1]!)
      assert.isUndefined(yield* Effect.flatMap(Leases, (leases) => leases.claim("work", "b", 1_000)))
    }).pipe(Effect.scoped, Effect.provide(Memory.layerOn(new State())))
  )
})
