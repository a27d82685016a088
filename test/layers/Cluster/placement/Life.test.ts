import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { LIFE, makeLife } from "../../../../layers/Cluster/placement/Life.ts"
import { Degraded, makeDegraded } from "../../../../src/telemetry/Degraded.ts"

/** A life with a sign that is taken at once, and work that counts how often it began and ended. */
const living = Effect.gen(function* () {
  const life = yield* makeLife
  const seen = { begun: 0, ended: 0 }
  const work = Effect.acquireUseRelease(
    Effect.sync(() => seen.begun++),
    () => Effect.never,
    () => Effect.sync(() => seen.ended++)
  )
  yield* Effect.forkScoped(life.during(work))
  return { life, seen, sign: life.sign(Effect.void) }
})

describe("the life of a node", () => {
  it.effect(
    "PC5 work begins with the first sign, rests when the life is over, and begins anew with the next sign",
    () => {
      const degraded = makeDegraded()
      return Effect.gen(function* () {
        const { seen, sign } = yield* living
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(seen, { begun: 0, ended: 0 })
        yield* sign
        yield* TestClock.adjust(LIFE - 1)
        assert.deepStrictEqual(seen, { begun: 1, ended: 0 })
        yield* sign
        yield* TestClock.adjust(LIFE - 1)
        assert.deepStrictEqual(seen, { begun: 1, ended: 0 })
        assert.deepStrictEqual([...degraded], [])
        yield* TestClock.adjust(2)
        assert.deepStrictEqual(seen, { begun: 1, ended: 1 })
        assert.deepStrictEqual([...degraded], ["placement"])
        yield* sign
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(seen, { begun: 2, ended: 1 })
        assert.deepStrictEqual([...degraded], [])
      }).pipe(Effect.scoped, Effect.provideService(Degraded, degraded))
    }
  )

  it.effect(
    "PC5 a life counts from when its sign was asked for: one that is answered after it is none, and one that failed neither",
    () =>
      Effect.gen(function* () {
        const { life, seen, sign } = yield* living
        yield* sign
        const answer = yield* Deferred.make<void>()
        const late = yield* Effect.forkChild(life.sign(Deferred.await(answer)))
        yield* TestClock.adjust(LIFE - 10)
        yield* Effect.ignore(life.sign(Effect.fail("no")))
        yield* TestClock.adjust(20)
        assert.deepStrictEqual(seen, { begun: 1, ended: 1 })
        yield* Deferred.succeed(answer, undefined)
        yield* Fiber.join(late)
        yield* TestClock.adjust(10)
        assert.deepStrictEqual(seen, { begun: 1, ended: 1 })
      }).pipe(Effect.scoped)
  )

  it.effect("PC6 who was away goes on with the nodes that it knew, for one life; then it judges again", () =>
    Effect.gen(function* () {
      const { life, sign } = yield* living
      const judged = (...members: ReadonlyArray<string>) => [...life.judged(members)].sort()
      yield* sign
      assert.deepStrictEqual(judged("a", "b"), ["a", "b"])
      yield* TestClock.adjust(LIFE / 3)
      yield* sign
      assert.deepStrictEqual(judged("a"), ["a"])
      assert.deepStrictEqual(judged("a", "b"), ["a", "b"])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(judged("a"), ["a", "b"], "before its own sign")
      yield* sign
      assert.deepStrictEqual(judged("a", "c"), ["a", "b", "c"], "after it")
      for (let passed = 0; passed < LIFE; passed += LIFE / 3) {
        yield* TestClock.adjust(LIFE / 3)
        yield* sign
      }
      assert.deepStrictEqual(judged("a"), ["a"])
    }).pipe(Effect.scoped)
  )
})
