import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch } from "effect"
import { TestClock } from "effect/testing"
import type { Head } from "../../src/configuration/Configuration.ts"
import { ConfigurationView } from "../../src/configuration/ConfigurationView.ts"
import { makeTogether } from "../../src/configuration/Together.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { Faults } from "../support/Faults.ts"
import { change, commit } from "../support/Release.ts"
import { propagationOn } from "../support/Twins.ts"

const settle = Effect.forEach(Array.from({ length: 50 }), () => Effect.yieldNow, { discard: true })
const names = (n: number) => Array.from({ length: n }, (_, i) => `svc.k${i}`)

/** One release of all, that this node hears of. */
const publish = Effect.fnUntraced(function* (keys: ReadonlyArray<string>, value: (i: number) => string) {
  const propagation = yield* Propagation
  const { revision } = yield* commit(keys.map((key, i) => change(key, value(i))))
  yield* propagation.hint(revision)
})

const readAll = (keys: ReadonlyArray<string>) =>
  Effect.flatMap(ConfigurationView, (view) =>
    Effect.forEach(keys, (key) => view.value("production", key), { concurrency: "unbounded" })
  )

const sum = (all: ReadonlyArray<number>) => all.reduce((one, other) => one + other, 0)

describe("Together", () => {
  it.effect("TG1 values that many read for the first time cost few questions, each of a bounded number of keys", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const keys = names(1_000)
      yield* publish(keys, (i) => `v${i}`)
      const found = yield* readAll(keys)

      assert.deepStrictEqual(
        found.map((one) => one?.value),
        keys.map((_, i) => `v${i}`)
      )
      assert.strictEqual(sum(faults.questions), 1_000)
      assert.isAtMost(faults.questions.length, 10)
      assert.isAtMost(Math.max(...faults.questions), 200)
    }).pipe(Effect.provide(propagationOn(faults, { cacheBytes: 0 })))
  })

  it.effect("TG1 what is asked for while questions are on their way goes together, and no more than four are", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const view = yield* ConfigurationView
      const keys = names(100)
      yield* publish(keys, String)
      faults.gate.closeUnsafe()
      const reads: Array<Fiber.Fiber<unknown, unknown>> = []
      for (const key of keys) {
        reads.push(yield* Effect.forkChild(view.value("production", key)))
        yield* settle
      }
      const during = [...faults.questions]
      faults.gate.openUnsafe()
      yield* Effect.forEach(reads, Fiber.join)

      assert.deepStrictEqual(during, [1, 1, 1, 1])
      assert.deepStrictEqual(faults.questions, [1, 1, 1, 1, 96])
    }).pipe(Effect.provide(propagationOn(faults, { cacheBytes: 0 })))
  })

  it.effect("TG2 what does not fit into a page is asked for next", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const keys = names(20)
      yield* publish(keys, (i) => `${i} ${"x".repeat(500_000)}`)
      const found = yield* readAll(keys)

      assert.deepStrictEqual(
        found.map((one) => Number.parseInt(one?.value ?? "", 10)),
        keys.map((_, i) => i)
      )
      assert.deepStrictEqual(faults.questions, [20, 15, 10, 5])
    }).pipe(Effect.provide(propagationOn(faults, { cacheBytes: 0 })))
  })

  it.effect("TG1 P4 a question that fails fails those who asked, and the next begin anew", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const view = yield* ConfigurationView
      const keys = names(10)
      yield* publish(keys, String)
      faults.fails = true
      const failed = yield* Effect.forEach(keys, (key) => Effect.flip(view.value("production", key)), {
        concurrency: "unbounded"
      })
      faults.fails = false

      assert.deepStrictEqual([...new Set(failed.map(({ name }) => name))], ["DatabaseUnavailable"])
      assert.lengthOf(yield* readAll(keys), 10)
    }).pipe(Effect.provide(propagationOn(faults, { cacheBytes: 0 })))
  })

  it.effect("TG3 values of two histories are not asked for in one question", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      const view = yield* ConfigurationView
      const keys = names(8)
      yield* publish(keys, String)
      faults.values.closeUnsafe()
      const reads: Array<Fiber.Fiber<unknown, unknown>> = []
      const read = Effect.fnUntraced(function* (some: ReadonlyArray<string>) {
        for (const key of some) {
          reads.push(yield* Effect.forkChild(view.value("production", key)))
          yield* settle
        }
      })
      yield* read(keys.slice(0, 6))
      faults.restore(1)
      yield* TestClock.adjust("1 second")
      const { epoch } = propagation.position()
      yield* read(keys.slice(5))
      faults.values.openUnsafe()
      yield* Effect.forEach(reads, Fiber.join)

      assert.strictEqual(epoch, "restored")
      assert.deepStrictEqual(faults.questions, [1, 1, 1, 1, 2, 3])
    }).pipe(Effect.provide(propagationOn(faults, { cacheBytes: 0 })))
  })

  it.effect("TG3 a question is as new as the newest that it is asked for", () =>
    Effect.gen(function* () {
      const asked: Array<bigint> = []
      const gate = Latch.makeUnsafe(false)
      const current = yield* makeTogether({
        currents: (keys, { revision }) => {
          asked.push(revision)
          return Effect.as(
            gate.await,
            keys.map(() => undefined)
          )
        }
      })
      const head = { environment: "production", key: "svc" } as Head
      const reads: Array<Fiber.Fiber<unknown, unknown>> = []
      for (const revision of [1n, 2n, 3n, 4n, 5n, 9n, 7n]) {
        reads.push(yield* Effect.forkChild(current(head, { epoch: "e", revision })))
        yield* settle
      }
      gate.openUnsafe()
      yield* Effect.forEach(reads, Fiber.join)

      assert.deepStrictEqual(asked, [1n, 2n, 3n, 4n, 9n])
    }).pipe(Effect.scoped)
  )
})
