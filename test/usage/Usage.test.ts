import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Memory from "../../layers/Memory/Memory.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { callerOf } from "../../src/usage/Caller.ts"
import { Usage } from "../../src/usage/Usage.ts"
import { UsageStore } from "../../src/usage/UsageStore.ts"
import type { UsageBatch, Use } from "../../src/usage/Use.ts"

const go = callerOf("flagd-rpc", "grpc-go/1")

/** A store that is away, or whose answers are lost, when a test says so. */
const faulty = () => {
  const state = {
    away: false,
    lost: false,
    held: undefined as Effect.Effect<unknown> | undefined,
    calls: [] as Array<ReadonlyArray<string>>
  }
  const store = Layer.effect(
    UsageStore,
    Effect.map(UsageStore, (real) =>
      UsageStore.of({
        ...real,
        record: (batches, perDay) =>
          Effect.gen(function* () {
            state.calls.push(batches.map(({ batch }) => batch))
            if (state.held !== undefined) yield* state.held
            if (state.away) return yield* failure("DatabaseUnavailable", "away")
            const answers = yield* real.record(batches, perDay)
            if (state.lost) return yield* failure("DatabaseUnavailable", "the answer was lost")
            return answers
          })
      })
    )
  ).pipe(Layer.provideMerge(Memory.layer))
  return { state, layer: Usage.layer({ flushEvery: "10 seconds" }).pipe(Layer.provideMerge(store)) }
}

const use = (flag: string, more: Partial<Use> = {}): Use => ({
  ...{ flag, variant: "on", outcome: "STATIC", door: "report", sdk: "js", version: 1, count: 1, at: 0 },
  ...more
})
const report = (batch: string, more: Partial<UsageBatch> = {}): UsageBatch => ({
  ...{ environment: "production", principal: "app", batch, uses: [use("a")], exposures: [], tracks: [] },
  ...more
})
const counted = (flag: string) =>
  Effect.flatMap(UsageStore, (store) =>
    Effect.map(store.counts("production", flag, { from: 0, limit: 100 }), (all) =>
      all.reduce((sum, { count }) => sum + count, 0)
    )
  )

describe("Usage", () => {
  it.effect("UG1 what doors note is written by and by, and a client that follows all flags with it", () => {
    const { state, layer } = faulty()
    return Effect.gen(function* () {
      const usage = yield* Usage
      usage.note("production", "a", 1, "on", "STATIC", go)
      usage.note("production", "a", 1, "on", "STATIC", go)
      const left = usage.follow("production", callerOf("flagd-sync", "grpc-go/1"))
      assert.deepStrictEqual(state.calls, [])
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* counted("a"), 2)
      assert.deepStrictEqual((yield* usage.lastOf("production", "a"))?.asked, { at: 10_000, ...go })
      assert.strictEqual((yield* usage.lastOf("production", ""))?.givenAt, 10_000)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* usage.lastOf("production", ""))?.givenAt, 20_000)
      left()
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* usage.lastOf("production", ""))?.givenAt, 20_000)
    }).pipe(Effect.provide(layer))
  })

  it.effect("UG2 what was written and whose answer was lost is written once; what came meanwhile follows", () => {
    const { state, layer } = faulty()
    return Effect.gen(function* () {
      const usage = yield* Usage
      usage.note("production", "a", 1, "on", "STATIC", go)
      state.lost = true
      yield* TestClock.adjust("12 seconds")
      usage.note("production", "a", 1, "on", "STATIC", go)
      yield* TestClock.adjust("30 seconds")
      const names = new Set(state.calls.flat())
      assert.strictEqual(names.size, 1)
      assert.isAbove(state.calls.length, 10)
      state.lost = false
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(yield* counted("a"), 2)
    }).pipe(Effect.provide(layer))
  })

  it.effect("UG3 a report is answered once it is written; one that failed counts once when it comes again", () => {
    const { state, layer } = faulty()
    return Effect.gen(function* () {
      const usage = yield* Usage
      assert.deepStrictEqual(yield* usage.report(report("one")), { replayed: false, overLimit: 0, leftOut: 0 })
      state.lost = true
      assert.strictEqual((yield* Effect.flip(usage.report(report("two")))).name, "DatabaseUnavailable")
      state.lost = false
      state.away = true
      const third = yield* Effect.forkChild(Effect.flip(usage.report(report("three"))))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(third)).name, "DatabaseUnavailable")
      state.away = false
      const again = yield* Effect.forkChild(
        Effect.forEach(["two", "three", "three"], (name) => usage.report(report(name)))
      )
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(
        (yield* Fiber.join(again)).map(({ replayed }) => replayed),
        [true, false, true]
      )
      assert.strictEqual(yield* counted("a"), 3)
    }).pipe(Effect.provide(layer))
  })

  it.effect("UG4 reports that wait go together in one call, and too many are refused with the time to wait", () => {
    const { state, layer } = faulty()
    return Effect.gen(function* () {
      const usage = yield* Usage
      state.held = Effect.sleep("1 second")
      const first = yield* Effect.forkChild(usage.report(report("first")))
      yield* Effect.yieldNow
      yield* Effect.yieldNow
      const uses = Array.from({ length: 1_000 }, (_, n) => use(`f${n}`))
      const waiting = yield* Effect.forEach(
        Array.from({ length: 120 }, (_, n) => n),
        (n) => Effect.forkChild(Effect.exit(usage.report(report(`many ${n}`, { uses }))))
      )
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(first)
      const exits = yield* Effect.forEach(waiting, Fiber.join)
      const refused = exits.filter(Exit.isFailure)
      assert.isAtLeast(refused.length, 19)
      assert.isAtMost(refused.length, 20)
      assert.match(JSON.stringify(refused[0]), /retryAfterMillis/)
      assert.deepStrictEqual(
        state.calls.map((call) => call.length).filter((length) => length > 10),
        []
      )
      assert.isAtMost(state.calls.length, 12)
      assert.strictEqual(yield* counted("f0"), 120 - refused.length)
    }).pipe(Effect.provide(layer))
  })

  it.effect("UG5 a report that can never be kept fails alone", () => {
    const { layer } = faulty()
    return Effect.gen(function* () {
      const usage = yield* Usage
      const bad = report("bad", { uses: [use("a", { sdk: "\u0000" })] })
      const [good, refused] = yield* Effect.all(
        [usage.report(report("good")), Effect.flip(usage.report(bad)), usage.report(report("other"))],
        { concurrency: "unbounded" }
      )
      assert.isFalse(good.replayed)
      assert.strictEqual(refused.name, "InvalidInput")
      assert.strictEqual(yield* counted("a"), 2)
    }).pipe(Effect.provide(layer))
  })

  it.effect("UG6 of an environment that has no flags nothing is written, and it is written once it has some", () => {
    const { state, layer } = faulty()
    return Effect.gen(function* () {
      const usage = yield* Usage
      const having = new Set<string>()
      usage.onlyWhere((environment) => having.has(environment))
      const sync = callerOf("flagd-sync", "grpc-go/1")
      usage.follow("production", sync)
      for (let n = 0; n < 100; n++) usage.noteAll(`made-up-${n}`, sync)
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(state.calls, [])
      having.add("production")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* usage.lastOf("production", ""))?.givenAt, 40_000)
    }).pipe(Effect.provide(layer))
  })

  it.effect("UG2 UG3 what waits is written when the node leaves", () => {
    const { layer } = faulty()
    return Effect.gen(function* () {
      const store = yield* UsageStore
      const left = yield* Effect.scoped(
        Effect.gen(function* () {
          const context = yield* Layer.build(
            Layer.fresh(Usage.layer()).pipe(Layer.provide(Layer.succeed(UsageStore, store)))
          )
          const usage = yield* Effect.provideContext(Usage, context)
          usage.note("production", "leaving", 1, "on", "STATIC", go)
          return usage
        })
      )
      assert.strictEqual(yield* counted("leaving"), 1)
      assert.isDefined(left)
    }).pipe(Effect.provide(layer))
  })
})
