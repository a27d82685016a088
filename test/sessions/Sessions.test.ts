import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { TestClock } from "effect/testing"
import { HeraldError } from "../../src/errors/HeraldError.ts"
import { InstanceStore } from "../../src/fleet/InstanceStore.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import { settle } from "../support/Clock.ts"
import { FakeSink } from "../support/FakeSink.ts"
import { Faults } from "../support/Faults.ts"
import { publish } from "../support/Release.ts"
import { subscription } from "../support/Subscription.ts"
import { sessionsWith } from "../support/Twins.ts"

describe("Sessions", () => {
  it.effect("S1 a slow client skips to the latest version of every key", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const sink = new FakeSink()
      sink.blocked = true
      yield* publish({ value: "1" })
      const session = yield* sessions.open(subscription(), sink)
      yield* settle
      for (const value of ["2", "3", "4"]) yield* publish({ value })
      for (const value of ["a", "b"]) yield* publish({ key: "svc.other", value })
      yield* settle
      assert.strictEqual(session.pending.size, 2)
      sink.unblock()
      yield* settle

      assert.deepStrictEqual(sink.contents, ["1", "4", "b"])
    }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect("P8 a key that was deleted, and forgotten before the node saw that, is told as gone", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const sessions = yield* Sessions
      const [told, back] = [new FakeSink(), new FakeSink()]
      for (const key of ["svc", "svc.stays"]) yield* publish({ key, value: "1" })
      yield* sessions.open(subscription({ instance: "told" }), told)
      yield* settle
      const { position } = yield* Propagation
      const at = position()
      yield* publish({ value: null }, false)
      for (const value of ["2", "3"]) yield* publish({ key: "svc.stays", value }, false)
      faults.sweep(4) // more than the node has seen
      yield* TestClock.adjust("500 millis")
      yield* settle
      const held = [["svc", told.values.find(({ key }) => key === "svc")!.digest, 1n]] as const
      yield* sessions.open(subscription({ instance: "back", position: at, held }), back)
      yield* settle

      for (const sink of [told, back]) {
        const last = new Map(sink.values.map((update) => [update.key, update]))
        assert.strictEqual(last.get("svc")?.kind, "deleted")
        assert.strictEqual(last.get("svc.stays")?.content, "3")
      }
    }).pipe(Effect.provide(sessionsWith({}, faults.layer(false))))
  })

  it.effect("S1 an idle client that a change fills up skips to the latest version as well", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const quick = new FakeSink()
      const slow = new FakeSink()
      yield* sessions.open(subscription({ instance: "quick" }), quick)
      const session = yield* sessions.open(subscription({ instance: "slow" }), slow)
      yield* settle
      slow.blocked = true
      for (const value of ["1", "2", "3"]) {
        yield* publish({ value })
        yield* settle
      }
      assert.deepStrictEqual(slow.contents, ["1"])
      assert.strictEqual(session.pending.size, 1)
      slow.unblock()
      yield* settle

      assert.deepStrictEqual(slow.contents, ["1", "3"])
      assert.deepStrictEqual(quick.contents, ["1", "2", "3"])
    }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect("S2 revisions of a key only grow, and each is sent once", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const sink = new FakeSink()
      yield* sessions.open(subscription({ patterns: ["svc", "svc.*", "svc.a.*"] }), sink)
      for (const value of ["1", "2", "3"]) {
        yield* publish({ key: "svc.a.b", value }, value !== "2")
        yield* settle
      }
      yield* TestClock.adjust("2 seconds")

      const revisions = sink.values.map((update) => update.revision)
      assert.deepStrictEqual(
        revisions,
        [...new Set(revisions)].sort((a, b) => Number(a - b))
      )
      assert.strictEqual(sink.contents.at(-1), "3")
    }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect("S3 RO5 what is sent to a silent client does not keep it alive", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const session = yield* sessions.open(subscription(), new FakeSink())
      yield* TestClock.adjust("89 seconds")
      sessions.heard(session, [])
      yield* TestClock.adjust("89 seconds")
      assert.isFalse(yield* Deferred.isDone(session.ended))
      yield* publish({ value: "1" })
      yield* TestClock.adjust("2 seconds")

      assert.strictEqual((yield* Deferred.await(session.ended)).name, "SessionTimedOut")
      assert.strictEqual(sessions.size(), 0)
    }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect("RO5 a silent client is ended within a second of its time", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const session = yield* sessions.open(subscription(), new FakeSink())
      yield* TestClock.adjust("5 seconds")
      sessions.heard(session, [])
      yield* TestClock.adjust("91 seconds")

      assert.strictEqual((yield* Deferred.await(session.ended)).name, "SessionTimedOut")
    }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect("SG1 sessions that are open when all is closed end as those of a server that leaves", () =>
    Effect.gen(function* () {
      const open = Effect.flatMap(Sessions, (sessions) => sessions.open(subscription(), new FakeSink()))
      const session = yield* Effect.provide(open, sessionsWith({}))

      assert.strictEqual((yield* Deferred.await(session.ended)).name, "Draining")
    })
  )

  it.effect("S3 a client that never speaks after its first message is left to the transport's keepalive", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const session = yield* sessions.open(subscription({ control: false }), new FakeSink())
      yield* TestClock.adjust("10 minutes")

      assert.isFalse(yield* Deferred.isDone(session.ended))
    }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect("S4 the same instance connecting again ends the older session", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const store = yield* InstanceStore
      const first = yield* sessions.open(subscription(), new FakeSink())
      yield* settle
      const second = yield* sessions.open(subscription(), new FakeSink())
      yield* settle

      assert.strictEqual((yield* Deferred.await(first.ended)).name, "SessionReplaced")
      assert.isFalse(yield* Deferred.isDone(second.ended))
      assert.strictEqual(sessions.size(), 1)
      yield* TestClock.adjust("1 second")
      const [row] = yield* store.list({ limit: 10, keys: 10 })
      assert.strictEqual(row?.state, "connected")
    }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect("S5 a defect ends its own session alone", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const broken = new FakeSink()
      broken.write = () => {
        throw new Error("boom")
      }
      const healthy = new FakeSink()
      const bad = yield* sessions.open(subscription({ instance: "bad" }), broken)
      const good = yield* sessions.open(subscription({ instance: "good" }), healthy)
      yield* publish({ value: "1" })
      yield* settle

      assert.strictEqual((yield* Deferred.await(bad.ended)).name, "SessionCrashed")
      assert.isFalse(yield* Deferred.isDone(good.ended))
      assert.deepStrictEqual(healthy.contents, ["1"])
    }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect("S5 a transport that breaks in the middle of a change ends its own session alone", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const sinks = [new FakeSink(), new FakeSink(), new FakeSink()]
      const opened = yield* Effect.forEach(sinks, (sink, i) => sessions.open(subscription({ instance: `i${i}` }), sink))
      yield* settle
      sinks[1]!.write = () => {
        throw new Error("boom")
      }
      yield* publish({ value: "1" })
      yield* settle

      assert.strictEqual((yield* Deferred.await(opened[1]!.ended)).name, "SessionCrashed")
      assert.deepStrictEqual([sinks[0]!.contents, sinks[2]!.contents], [["1"], ["1"]])
      assert.isFalse(yield* Deferred.isDone(opened[2]!.ended))
    }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect("N1 every session ends with one row: drain tells clients when to come back, and takes no new ones", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const sink = new FakeSink()
      const session = yield* sessions.open(subscription(), sink)
      yield* settle
      yield* sessions.drain
      yield* settle

      assert.strictEqual((yield* Deferred.await(session.ended)).name, "Draining")
      assert.strictEqual(sink.got.at(-1)?.kind, "drain")
      const refused = yield* Effect.flip(sessions.open(subscription({ instance: "i2" }), new FakeSink()))
      assert.instanceOf(refused, HeraldError)
      assert.strictEqual(refused.name, "Draining")
    }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect("DY1 a client that reads nothing ends, although it goes on speaking; one that reads late does not", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const [deaf, late] = [new FakeSink(), new FakeSink()]
      const deafs = yield* sessions.open(subscription({ instance: "deaf" }), deaf)
      const lates = yield* sessions.open(subscription({ instance: "late" }), late)
      yield* settle
      deaf.blocked = late.blocked = true
      yield* publish({ value: "v" })
      yield* settle
      for (let i = 0; i < 3; i++) {
        yield* TestClock.adjust("29 seconds")
        sessions.heard(deafs, [])
        sessions.heard(lates, [])
      }
      late.unblock()
      yield* TestClock.adjust("4 seconds")
      yield* settle

      assert.strictEqual((yield* Deferred.await(deafs.ended)).name, "ClientUnresponsive")
      assert.isFalse(yield* Deferred.isDone(lates.ended))
    }).pipe(Effect.provide(sessionsWith({})))
  )
})
