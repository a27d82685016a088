/** Clients of a node whose view is old, or whose comparison takes long. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Cache } from "../../src/configuration/Cache.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import { settle } from "../support/Clock.ts"
import { Faults } from "../support/Faults.ts"
import { publish } from "../support/Release.ts"
import { sessionsWith } from "../support/Twins.ts"
import { connect, here, word, words } from "./Harness.ts"

describe("an unsure view", () => {
  it.effect(
    "DV3 RO3 every synced client hears at once that the view is stale, and that it is confirmed after what was kept back",
    () => {
      const faults = new Faults()
      return Effect.gen(function* () {
        yield* publish({ key: "svc.strict", value: "1", strict: true })
        yield* publish({ key: "svc.plain", value: "1" })
        const quick = yield* connect({ instance: "quick" })
        const simple = yield* connect({ instance: "simple", control: false })
        const slow = yield* connect({ instance: "slow" })
        slow.sink.blocked = true
        yield* publish({ key: "svc.plain", value: "2" })
        yield* settle
        faults.fails = true
        yield* TestClock.adjust("4 seconds")
        const unsure = words(quick.sink).slice(3)
        yield* publish({ key: "svc.strict", value: "2", strict: true })
        yield* settle
        faults.fails = false
        yield* TestClock.adjust("1 second")
        slow.sink.unblock()
        yield* settle

        assert.deepStrictEqual(unsure, ["svc.plain 2", "heartbeat stale"])
        assert.deepStrictEqual(words(quick.sink).slice(5), ["svc.strict 2", "heartbeat"])
        assert.notInclude(words(simple.sink).join(), "heartbeat")
        assert.strictEqual(words(simple.sink).at(-1), "svc.strict 2")
        // The flag of the moment, once there is room; never "confirmed" before what was kept back.
        assert.deepStrictEqual(words(slow.sink).slice(4), ["svc.strict 2", "heartbeat"])
      }).pipe(Effect.provide(sessionsWith({}, faults.layer(true))))
    }
  )

  it.effect("DV3 a client that connects while the view is stale hears so, and when that is over", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      yield* publish({ key: "svc.plain", value: "1" })
      yield* settle
      faults.fails = true
      yield* TestClock.adjust("4 seconds")
      const { sink } = yield* connect()
      faults.fails = false
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(words(sink), ["svc.plain 1 stale", "synced stale", "svc.plain 1", "heartbeat"])
    }).pipe(Effect.provide(sessionsWith({}, faults.layer(true))))
  })

  it.effect("DV7 S2 what a client was sent as unsure and has answered is sent again when it is confirmed", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      yield* publish({ key: "svc.plain", value: "1" })
      yield* settle
      faults.fails = true
      yield* TestClock.adjust("4 seconds")
      const { sink, session } = yield* connect()
      const [sent] = sink.values
      const sessions = yield* Sessions
      const { key, revision, epoch } = sent!
      sessions.heard(session, [{ key, revision, epoch, applied: true, reason: "" }])
      assert.isTrue(session.told.isDone(key))
      faults.fails = false
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(words(sink), ["svc.plain 1 stale", "synced stale", "svc.plain 1", "heartbeat"])
    }).pipe(Effect.provide(sessionsWith({}, faults.layer(true))))
  })

  it.effect(
    "DV3 what was read while the view was unsure and came after that was over comes again at once, confirmed",
    () => {
      const faults = new Faults()
      return Effect.gen(function* () {
        yield* publish({ key: "svc.plain", value: "1" })
        yield* settle
        faults.gate.closeUnsafe()
        faults.values.closeUnsafe()
        yield* TestClock.adjust("4 seconds")
        const cache = yield* Cache
        cache.clear()
        const { sink } = yield* connect() // its value is asked for
        faults.gate.openUnsafe()
        yield* TestClock.adjust("900 millis")
        assert.isFalse((yield* Propagation).stale())
        faults.values.openUnsafe()
        yield* settle

        assert.deepStrictEqual(words(sink), ["svc.plain 1 stale", "svc.plain 1", "synced"])
      }).pipe(Effect.provide(sessionsWith({}, faults.layer(true))))
    }
  )

  it.effect("RO1 a flip costs one message a client and looks at no key: one object is shared by all", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      for (let i = 0; i < 50; i++) yield* publish({ key: `svc.k${i}`, value: "1" })
      const clients = yield* Effect.forEach(
        Array.from({ length: 20 }, (_, i) => `c${i}`),
        (instance) => connect({ instance })
      )
      const before = clients.map(({ sink }) => sink.got.length)
      faults.fails = true
      yield* TestClock.adjust("4 seconds")
      const stale = clients.map(({ sink }) => sink.got.at(-1))
      faults.fails = false
      yield* TestClock.adjust("1 second")
      const fresh = clients.map(({ sink }) => sink.got.at(-1))

      assert.deepStrictEqual(
        clients.map(({ sink }, i) => sink.got.length - before[i]!),
        clients.map(() => 2)
      )
      assert.strictEqual(new Set(stale).size, 1)
      assert.strictEqual(new Set(fresh).size, 1)
      assert.deepStrictEqual([word(stale[0]!), word(fresh[0]!)], ["heartbeat stale", "heartbeat"])
    }).pipe(Effect.provide(sessionsWith({}, faults.layer(true))))
  })
})

describe("a long comparison", () => {
  it.effect("RO3 PE1 a flip that was lost with what waited is told with the Reset that stands for it", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      yield* publish({ key: "svc.a", value: "1" })
      const propagation = yield* Propagation
      const { sink } = yield* connect()
      faults.fails = true
      yield* TestClock.adjust("2 seconds")
      const large = yield* publish({ key: "other", value: "x".repeat(9_000_000) }, false)
      yield* TestClock.adjust("1001 millis")
      const before = words(sink)
      const isStale = propagation.stale() // tells everyone …
      yield* propagation.hint(large) // … but this leaves room for nothing else
      yield* settle

      assert.isTrue(isStale)
      assert.deepStrictEqual(before, ["svc.a 1", "synced"])
      assert.deepStrictEqual(words(sink).slice(2), ["heartbeat stale"])
    }).pipe(Effect.provide(sessionsWith({}, faults.layer(false))))
  })

  it.effect("DV4 a client whose keys are compared for long hears a sign of life, of no later position", () =>
    Effect.gen(function* () {
      yield* publish({ key: "svc.a", value: "1" })
      const { sink, session } = yield* connect()
      const position = yield* here
      session.compare(
        (function* (): Generator<undefined> {
          while (true) yield undefined
        })()
      )
      yield* publish({ key: "other", value: "1" })
      yield* TestClock.adjust("1100 millis") // of real time, too, most of each turn goes into comparing

      assert.deepStrictEqual(words(sink), ["svc.a 1", "synced", "heartbeat"])
      assert.deepStrictEqual((sink.got[2] as { readonly position: unknown }).position, position)
    }).pipe(Effect.provide(sessionsWith({ heartbeatInterval: "1 second" })))
  )
})
