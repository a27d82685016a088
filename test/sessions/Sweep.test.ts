/** Going through keys: at the beginning, after a Reset, beside what happens meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Sessions } from "../../src/sessions/Sessions.ts"
import { settle } from "../support/Clock.ts"
import { FakeSink } from "../support/FakeSink.ts"
import { Faults } from "../support/Faults.ts"
import { publish } from "../support/Release.ts"
import { subscription } from "../support/Subscription.ts"
import { sessionsWith } from "../support/Twins.ts"
import { connect, words } from "./Harness.ts"

describe("going through keys", () => {
  it.effect("SW1 SW2 every key comes once, whatever patterns overlap, and what is held is not even read", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const held: Array<readonly [string, string]> = []
      for (let i = 0; i < 300; i++) {
        const revision = yield* publish({ key: `svc.k${i}`, value: `value ${i}` })
        if (i % 3 > 0) held.push([`svc.k${i}`, revision.changes[0]!.digest])
      }
      const before = faults.loads
      const { sink } = yield* connect({ patterns: ["svc.*", "svc", "svc.k1", "svc.k10.*", "svc.*"], held })

      assert.strictEqual(sink.values.length, 100)
      assert.strictEqual(new Set(sink.values.map(({ key }) => key)).size, 100)
      assert.isAtMost(faults.loads - before, 100)
      assert.strictEqual(words(sink).at(-1), "synced")
    }).pipe(Effect.provide(sessionsWith({}, faults.layer(true))))
  })

  it.effect("SW1 a Reset in the middle of a first sync goes through everything again, and nothing is left out", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      for (let i = 0; i < 20; i++) yield* publish({ key: `svc.k${i}`, value: `value ${i}` })
      yield* settle
      const sessions = yield* Sessions
      const sink = new FakeSink()
      sink.blocked = true
      const session = yield* sessions.open(subscription(), sink)
      yield* settle
      faults.restore(15)
      yield* TestClock.adjust("1 second")
      sink.unblock()
      yield* TestClock.adjust("1 second")
      yield* settle

      const last = new Map(sink.values.map((update) => [update.key, `${update.kind} ${update.epoch}`]))
      for (let i = 0; i < 15; i++) assert.strictEqual(last.get(`svc.k${i}`), "value restored")
      for (const [key, found] of last) if (Number(key.slice(5)) >= 15) assert.strictEqual(found, "deleted restored")
      assert.strictEqual(session.stage.name, "live")
    }).pipe(Effect.provide(sessionsWith({}, faults.layer(true))))
  })

  it.effect(
    "SW1 what a client holds of a key that it could not be sent is gone with the history that had the key",
    () => {
      const faults = new Faults()
      return Effect.gen(function* () {
        yield* publish({ key: "svc.plain", value: "1" })
        yield* publish({ key: "svc.tpl", value: "{{client.zone}}" })
        const { sink } = yield* connect({ held: [["svc.tpl", "a".repeat(64)]] })
        assert.deepStrictEqual(words(sink), ["svc.tpl problem", "svc.plain 1", "synced"])
        faults.restore(1)
        yield* TestClock.adjust("1 second")
        yield* settle

        assert.deepStrictEqual(words(sink).slice(3), ["svc.plain 1", "svc.tpl deleted", "heartbeat"])
      }).pipe(Effect.provide(sessionsWith({}, faults.layer(true))))
    }
  )

  it.effect("RO2 events are told in their order, each to all before the next", () =>
    Effect.gen(function* () {
      const clients = yield* Effect.forEach(
        Array.from({ length: 200 }, (_, i) => `c${i}`),
        (instance) => connect({ instance })
      )
      for (let i = 0; i < 5; i++) yield* publish({ value: `${i}` })
      yield* settle

      for (const { sink } of clients) {
        assert.strictEqual(sink.contents.at(-1), "4")
        assert.deepStrictEqual([...sink.contents].sort(), sink.contents)
      }
    }).pipe(Effect.provide(sessionsWith({ maxSessions: 1_000, maxSessionsPerIdentity: 1_000 })))
  )

  it.effect("values that can't be read are asked for a few at a time, and all come in the end", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      for (let i = 0; i < 500; i++) yield* publish({ key: `svc.k${i}`, value: "x".repeat(5_000) }, false)
      yield* TestClock.adjust("1 second")
      faults.fails = true
      const before = faults.loads
      const { sink } = yield* connect()
      yield* Effect.repeat(Effect.yieldNow, { times: 5_000 }) // no time passes
      const asked = faults.loads - before
      faults.fails = false
      for (let i = 0; i < 500 && sink.values.length < 500; i++) yield* TestClock.adjust("250 millis")

      assert.isAtMost(asked, 32)
      assert.strictEqual(new Set(sink.values.map(({ key }) => key)).size, 500)
    }).pipe(Effect.provide(sessionsWith({}, faults.layer(true))))
  })
})
