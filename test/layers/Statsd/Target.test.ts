import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Logger } from "effect"
import { TestClock } from "effect/testing"
import { type Address, makeTarget } from "#layers/Statsd/Target.ts"

const at = (address: string): Address => ({ address, family: 4 })

/** A resolver that a test moves, and what was logged. */
const world = () => {
  const logged: Array<string> = []
  const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
    logged.push(`${logLevel} ${(message as ReadonlyArray<unknown>)[0]}`)
  })
  const state = { now: undefined as Address | undefined | "hangs", asked: 0 }
  const target = makeTarget("statsd.internal", () => {
    state.asked++
    if (state.now === "hangs") return new Promise(() => undefined)
    return state.now === undefined ? Promise.reject(new Error("getaddrinfo ENOTFOUND")) : Promise.resolve(state.now)
  })
  return { logged, state, target, run: Effect.provide(Logger.layer([logger])) }
}

describe("Target", () => {
  it.effect("SD3 a name that is unknown at the start is said once, and used as soon as it is known", () => {
    const { logged, state, target, run } = world()
    return Effect.gen(function* () {
      for (let second = 0; second < 100; second++) {
        assert.isUndefined(yield* target)
        yield* TestClock.adjust("1 second")
      }
      assert.deepStrictEqual(logged, ["Warn the name of the StatsD server is unknown"])
      state.now = at("192.0.2.1")
      assert.deepStrictEqual(yield* target, state.now)
      assert.deepStrictEqual(logged.slice(1), ["Info the name of the StatsD server is known again"])
    }).pipe(run)
  })

  it.effect(
    "SD3 a name that moves is followed within 30 s; while it can't be asked for the last address counts",
    () => {
      const { logged, state, target, run } = world()
      return Effect.gen(function* () {
        state.now = at("192.0.2.1")
        for (let second = 0; second < 30; second++) {
          assert.deepStrictEqual(yield* target, at("192.0.2.1"))
          yield* TestClock.adjust("1 second")
        }
        assert.strictEqual(state.asked, 1)
        state.now = at("192.0.2.2")
        assert.deepStrictEqual(yield* target, at("192.0.2.2"))

        state.now = undefined
        yield* TestClock.adjust("30 seconds")
        for (let second = 0; second < 10; second++) assert.deepStrictEqual(yield* target, at("192.0.2.2"))
        assert.deepStrictEqual(logged, ["Warn the name of the StatsD server is unknown"])
      }).pipe(run)
    }
  )

  it.effect("SD3 a resolver that hangs is given up after 2 s", () => {
    const { logged, state, target, run } = world()
    return Effect.gen(function* () {
      state.now = "hangs"
      const waiting = yield* Effect.forkChild(target)
      yield* TestClock.adjust("2 seconds")
      assert.isUndefined(yield* Fiber.join(waiting))
      assert.strictEqual(logged.length, 1)
    }).pipe(run)
  })
})
