/** Polls, hints and outages: when the log is asked, and whether the view is fresh. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { ConfigurationView } from "../../src/configuration/ConfigurationView.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { Loop } from "../../src/telemetry/Loop.ts"
import { settle } from "../support/Clock.ts"
import { Faults } from "../support/Faults.ts"
import { propagationOn } from "../support/Twins.ts"
import { commit, listen } from "./Harness.ts"

const poll = TestClock.adjust("500 millis")

describe("following the log", () => {
  it.effect("P2 a commit that nobody hinted at is seen by the next poll", () =>
    Effect.gen(function* () {
      const view = yield* ConfigurationView
      const heard = yield* listen
      yield* settle
      yield* commit("a")
      yield* settle
      const before = [...heard]
      yield* poll

      assert.deepStrictEqual(before, [])
      assert.deepStrictEqual(heard, ["1"])
      assert.strictEqual(view.head("production", "svc")?.version, 1)
    }).pipe(Effect.provide(propagationOn(new Faults())))
  )

  it.effect("P2 another writer's hint is followed at once", () =>
    Effect.gen(function* () {
      const heard = yield* listen
      yield* settle
      yield* commit("a")
      yield* settle

      assert.deepStrictEqual(heard, ["1"])
    }).pipe(Effect.provide(propagationOn(new Faults(), { hints: true })))
  )

  it.effect(
    "P2 a hint that the log goes on from the view costs one question, and polls go on however many come",
    () => {
      const faults = new Faults()
      return Effect.gen(function* () {
        const heard = yield* listen
        yield* settle
        const before = faults.polls
        yield* commit("a")
        yield* settle
        const hinted = faults.polls
        for (let i = 0; i < 10; i++) {
          yield* TestClock.adjust("100 millis")
          yield* commit(String(i))
          yield* settle
        }

        assert.strictEqual(hinted, before)
        assert.isAtLeast(faults.polls, before + 1)
        assert.isAtMost(faults.polls, before + 3)
        assert.strictEqual(heard.length, 11)
      }).pipe(Effect.provide(propagationOn(faults, { hints: true })))
    }
  )

  it.effect("P2 what a page does not hold is read with the same hint", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      yield* settle
      faults.gate.closeUnsafe()
      yield* commit("0")
      yield* settle // asks, and sees revision 1
      for (let i = 1; i <= 1_100; i++) yield* commit(String(i))
      faults.gate.openUnsafe()
      yield* settle

      assert.strictEqual(propagation.position().revision, 1_101n)
    }).pipe(Effect.provide(propagationOn(faults, { hints: true })))
  })

  it.effect("P2 after an outage everything that was missed is read, however much", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      const heard = yield* listen
      yield* settle
      faults.fails = true
      for (let i = 0; i < 1_200; i++) yield* commit(String(i))
      yield* TestClock.adjust("2 seconds")
      const during = [...heard]
      faults.fails = false
      yield* poll
      yield* settle

      assert.deepStrictEqual(during, [])
      assert.deepStrictEqual(
        heard,
        Array.from({ length: 1_200 }, (_, i) => String(i + 1))
      )
      assert.strictEqual(propagation.position().revision, 1_200n)
    }).pipe(Effect.provide(propagationOn(faults)))
  })

  for (const fault of ["fails", "hangs"] as const) {
    it.effect(
      `P3 a view is stale 3 s after its last confirmation when the log ${fault}, and says when it is confirmed again`,
      () => {
        const faults = new Faults()
        return Effect.gen(function* () {
          const propagation = yield* Propagation
          const heard = yield* listen
          yield* settle
          if (fault === "fails") faults.fails = true
          else faults.gate.closeUnsafe()
          yield* TestClock.adjust("2500 millis")
          const early = propagation.stale()
          yield* TestClock.adjust("1 second")
          const late = propagation.stale()
          const told = [...heard]
          faults.fails = false
          faults.gate.openUnsafe()
          yield* TestClock.adjust("1 second")

          assert.isFalse(early)
          assert.isTrue(late)
          assert.deepStrictEqual(told, ["stale"])
          assert.isFalse(propagation.stale())
          assert.deepStrictEqual(heard, ["stale", "fresh"])
        }).pipe(Effect.provide(propagationOn(faults)))
      }
    )
  }

  it.effect("P3 whoever was answered that the view is stale hears when it is confirmed, however short it was", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      const heard = yield* listen
      yield* settle
      faults.fails = true
      yield* TestClock.adjust("2900 millis")
      yield* TestClock.adjust("101 millis") // between two looks
      const unsure = propagation.stale()
      faults.fails = false
      yield* poll
      yield* settle

      assert.isTrue(unsure)
      assert.deepStrictEqual(heard, ["stale", "fresh"])
    }).pipe(Effect.provide(propagationOn(faults)))
  })

  it.effect("P3 an answer of the log that does not reach the head confirms nothing", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      yield* settle
      yield* commit("a")
      faults.emptyLog = true
      yield* TestClock.adjust("4 seconds")
      const unsure = propagation.stale()
      faults.emptyLog = false
      yield* TestClock.adjust("1 second")

      assert.isTrue(unsure)
      assert.isFalse(propagation.stale())
    }).pipe(Effect.provide(propagationOn(faults)))
  })

  it.effect("P7 a database that answers while this process is busy leaves the view fresh", () => {
    const faults = new Faults()
    let busy = 0n
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      const heard = yield* listen
      yield* settle
      yield* poll
      faults.gate.closeUnsafe() // answers wait to be read
      yield* TestClock.adjust("1 second")
      busy += 2_900_000_000n
      yield* TestClock.adjust("4 seconds")
      const during = propagation.stale()
      faults.gate.openUnsafe()
      yield* poll

      assert.isFalse(during)
      assert.deepStrictEqual(heard, [])
    }).pipe(
      Effect.provide(
        propagationOn(faults).pipe(Layer.provide(Layer.succeed(Loop, { busy: () => busy, recent: () => busy })))
      )
    )
  })
})
