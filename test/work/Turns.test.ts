import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { makeTurns } from "../../src/work/Turns.ts"

describe("turns", () => {
  it.effect("UX1 so many are under way, fewer of one owner, and others come before the rest of it", () =>
    Effect.gen(function* () {
      const turns = makeTurns(4, 2)
      const under: Array<string> = []
      const ends = new Map<string, Deferred.Deferred<void>>()
      const begin = Effect.fnUntraced(function* (owner: string, name: string) {
        const end = yield* Deferred.make<void>()
        ends.set(name, end)
        const work = Effect.andThen(
          Effect.sync(() => under.push(name)),
          Deferred.await(end)
        )
        return yield* Effect.forkChild(turns.of(owner)(work), { startImmediately: true })
      })
      const done = (name: string) =>
        Effect.andThen(Deferred.succeed(ends.get(name)!, undefined), Effect.andThen(Effect.yieldNow, Effect.yieldNow))
      for (let n = 0; n < 5; n++) yield* begin("eve", `eve${n}`)
      yield* begin("ann", "ann0")
      assert.deepStrictEqual(under.splice(0), ["eve0", "eve1", "ann0"])
      for (const name of ["bob0", "bob1", "bob2"]) yield* begin("bob", name)
      assert.deepStrictEqual(under.splice(0), ["bob0"])
      yield* done("eve0")
      assert.deepStrictEqual([under.splice(0), turns.size()], [["bob1"], 4])
      yield* done("bob0")
      yield* done("bob1")
      assert.strictEqual(turns.size(), 2)
      assert.sameMembers(under.splice(0), ["eve2", "bob2"])
    })
  )

  it.effect("UX1 a place is given back however it ends, and who is interrupted while it waits takes none", () =>
    Effect.gen(function* () {
      const turns = makeTurns(1, 1)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(turns.of("a")(Effect.fail("no")))))
      const first = yield* Effect.forkChild(turns.of("a")(Effect.never), { startImmediately: true })
      const second = yield* Effect.forkChild(turns.of("b")(Effect.never), { startImmediately: true })
      assert.strictEqual(turns.size(), 1)
      yield* Fiber.interrupt(second)
      assert.strictEqual(turns.size(), 0)
      yield* Fiber.interrupt(first)
      assert.strictEqual(yield* turns.of("b")(Effect.succeed(1)), 1)
    })
  )
})
