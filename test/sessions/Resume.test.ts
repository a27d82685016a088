/** What a client is due is decided by what it holds, in any weather: labels, epochs, an unsure view, a node that is behind. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Sessions } from "../../src/sessions/Sessions.ts"
import { settle } from "../support/Clock.ts"
import { FakeSink } from "../support/FakeSink.ts"
import { Faults } from "../support/Faults.ts"
import { publish } from "../support/Release.ts"
import { applied, subscription } from "../support/Subscription.ts"
import { sessionsWith } from "../support/Twins.ts"
import { connect, here, known, words } from "./Harness.ts"

describe("resuming", () => {
  it.effect("DV1 a position is no claim to hold values: who says that it holds nothing gets every value", () =>
    Effect.gen(function* () {
      yield* publish({ key: "svc.a", value: "1" })
      yield* publish({ key: "svc.b", value: "1" })
      const { sink } = yield* connect({ position: yield* here })

      assert.deepStrictEqual(words(sink), ["svc.a 1", "svc.b 1", "synced"])
      assert.deepStrictEqual(yield* known(), ["svc.a sent 1", "svc.b sent 1"])
    }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect("DV1 S6 a strict key that was withheld comes after a reconnect, once the view is confirmed", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const plain = yield* publish({ key: "svc.plain", value: "1" })
      yield* publish({ key: "svc.strict", value: "1", strict: true })
      yield* settle
      faults.fails = true
      yield* TestClock.adjust("4 seconds")
      const { sink } = yield* connect()
      const position = yield* here
      const withheld = yield* known()
      faults.fails = false
      yield* TestClock.adjust("1 second")
      const again = yield* connect({ position, held: [["svc.plain", plain.changes[0]!.digest]] })

      assert.deepStrictEqual(words(sink).slice(0, 2), ["svc.plain 1 stale", "synced stale"])
      assert.deepStrictEqual(withheld, ["svc.plain sent 1"])
      assert.deepStrictEqual(words(again.sink), ["svc.strict 1", "synced"])
      assert.deepStrictEqual(yield* known(), ["svc.plain sent 1 applied 1", "svc.strict sent 1"])
    }).pipe(Effect.provide(sessionsWith({}, faults.layer(true))))
  })

  it.effect("DV1 a key that a missing label kept back comes when the client returns with it and its file", () =>
    Effect.gen(function* () {
      const plain = yield* publish({ key: "svc.plain", value: "1" })
      yield* publish({ key: "svc.tpl", value: "zone {{client.zone}}" })
      const { sink } = yield* connect()
      const position = yield* here
      const before = yield* known()
      const again = yield* connect({
        client: { environment: "production", service: "svc", instance: "i1", labels: { zone: "a" } },
        position,
        held: [["svc.plain", plain.changes[0]!.digest]]
      })

      assert.deepStrictEqual(words(sink), ["svc.plain 1", "svc.tpl problem", "synced"])
      assert.deepStrictEqual(before, ["svc.plain sent 1", "svc.tpl problem"])
      assert.deepStrictEqual(words(again.sink), ["svc.tpl zone a", "synced"])
      assert.deepStrictEqual(yield* known(), ["svc.plain sent 1 applied 1", "svc.tpl sent 1"])
    }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect(
    "DV1 a rendered template that the client holds as it is now is not sent again; of another label it is",
    () =>
      Effect.gen(function* () {
        yield* publish({ key: "svc.tpl", value: "zone {{client.zone}}" })
        const as = (zone: string, held: ReadonlyArray<readonly [string, string]> = []) =>
          connect({ client: { environment: "production", service: "svc", instance: "i1", labels: { zone } }, held })
        const { sink } = yield* as("a")
        const { digest } = sink.values[0]!
        const same = yield* as("a", [["svc.tpl", digest]])
        const other = yield* as("b", [["svc.tpl", digest]])

        assert.deepStrictEqual(words(same.sink), ["synced"])
        assert.deepStrictEqual(words(other.sink), ["svc.tpl zone b", "synced"])
      }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect(
    "DV1 of deletions a position speaks: those after it are told, those before it and to new clients are not",
    () =>
      Effect.gen(function* () {
        for (const key of ["svc.a", "svc.b"]) yield* publish({ key, value: "1" })
        yield* publish({ key: "svc.a", value: null })
        const position = yield* here
        yield* publish({ key: "svc.b", value: null })
        const fresh = yield* connect()
        const late = yield* connect({ position })
        const lost = yield* connect({ position: { epoch: "another", revision: position.revision + 100n } })
        const holder = yield* connect({ position: yield* here, held: [["svc.a", "1".repeat(64)]] })
        const aware = yield* connect({ position, held: [["svc.b", ""]] })

        assert.deepStrictEqual(words(fresh.sink), ["synced"])
        assert.deepStrictEqual(words(late.sink), ["svc.b deleted", "synced"])
        assert.deepStrictEqual(words(lost.sink), ["svc.a deleted", "svc.b deleted", "synced"])
        assert.deepStrictEqual(words(holder.sink), ["svc.a deleted", "synced"])
        assert.deepStrictEqual(words(aware.sink), ["synced"])
      }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect("DV1 what nobody knows any more is deleted, unless this node is behind the client", () =>
    Effect.gen(function* () {
      yield* publish({ key: "svc.a", value: "1" })
      const { epoch, revision } = yield* here
      const digest = "1".repeat(64)
      const held: ReadonlyArray<readonly [string, string, bigint]> = [
        ["svc.gone", digest, 1n],
        ["svc.never", "", 1n],
        ["other.key", digest, 1n]
      ]
      const gone = yield* connect({ position: { epoch, revision }, held })
      const ahead = yield* connect({
        position: { epoch, revision: revision + 5n },
        held: [
          ["svc.new", digest, revision + 5n],
          ["svc.a", digest, revision + 4n]
        ]
      })
      const lost = yield* connect({
        position: { epoch: "another", revision: revision + 5n },
        held: [["svc.new", digest, revision + 5n]]
      })
      const before = words(ahead.sink)
      yield* publish({ key: "svc.a", value: "2" })
      yield* settle

      assert.deepStrictEqual(words(gone.sink), ["svc.gone deleted", "svc.a 1", "synced"])
      assert.deepStrictEqual(before, ["synced"])
      assert.deepStrictEqual(words(lost.sink).slice(0, 2), ["svc.new deleted", "svc.a 1"])
    }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect(
    "DV1 S6 what the client holds of a key that is withheld is not forgotten: it hears when nobody knows it",
    () => {
      const faults = new Faults()
      return Effect.gen(function* () {
        yield* publish({ key: "svc.plain", value: "1" })
        yield* publish({ key: "svc.strict", value: "2", strict: true })
        yield* settle
        faults.fails = true
        yield* TestClock.adjust("4 seconds")
        const { sink } = yield* connect({ position: yield* here, held: [["svc.strict", "1".repeat(64)]] })
        faults.restore(1)
        faults.fails = false
        yield* TestClock.adjust("2 seconds")

        assert.include(words(sink), "svc.strict deleted")
      }).pipe(Effect.provide(sessionsWith({}, faults.layer(true))))
    }
  )

  it.effect(
    "DV1 DV2 what a client holds of a key that was withheld counts when a change of it is told to all at once",
    () => {
      const faults = new Faults()
      return Effect.gen(function* () {
        const sessions = yield* Sessions
        const one = yield* publish({ key: "svc.a", value: "1", strict: true })
        const { session, sink: former } = yield* connect({ instance: "i2" })
        const answer = applied(session, former.values[0]!)
        sessions.heard(answer.session, answer.answers)
        sessions.end(session, { name: "Closed", reason: "test" })
        yield* settle
        const two = yield* publish({ key: "svc.a", value: "2", strict: true })
        yield* connect({ instance: "i1" })
        faults.fails = true
        yield* TestClock.adjust("4 seconds")
        const digest = one.changes[0]!.digest
        const { sink } = yield* connect({ instance: "i2", position: yield* here, held: [["svc.a", digest]] })
        const before = words(sink)
        faults.fails = false
        yield* publish({ key: "svc.a", value: "3" })
        yield* settle

        assert.strictEqual(two.revision, one.revision + 1n)
        assert.deepStrictEqual(before, ["synced stale"])
        assert.include(words(sink), "svc.a 3")
        assert.deepStrictEqual(yield* known("i2"), ["svc.a sent 3 applied 1"])
      }).pipe(Effect.provide(sessionsWith({}, faults.layer(true))))
    }
  )

  it.effect("DV1 a key that is deleted before it was compared is deleted at a client that never got to the end", () =>
    Effect.gen(function* () {
      yield* publish({ key: "svc.a", value: "1" })
      yield* publish({ key: "svc.b", value: "1" })
      const sessions = yield* Sessions
      const sink = new FakeSink()
      sink.blocked = true
      const digest = "1".repeat(64)
      const held: ReadonlyArray<readonly [string, string]> = [
        ["svc.a", digest],
        ["svc.b", digest]
      ]
      yield* sessions.open(subscription({ held }), sink) // no position: it was never synced
      yield* settle
      yield* publish({ key: "svc.b", value: null })
      sink.unblock()
      yield* settle

      assert.deepStrictEqual(words(sink), ["svc.a 1", "svc.b deleted", "synced"])
    }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect("DV2 a reconnect with all that it had notes nothing as sent, and what it holds as applied", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 minute") // at 0 nothing happened
      const one = yield* publish({ key: "svc.a", value: "1" })
      const { session, sink } = yield* connect()
      const sessions = yield* Sessions
      sessions.heard(session, applied(session, sink.values[0]!).answers)
      const before = yield* known()
      const again = yield* connect({ held: [["svc.a", one.changes[0]!.digest]] })

      assert.deepStrictEqual(before, ["svc.a sent 1 applied 1"])
      assert.deepStrictEqual(words(again.sink), ["synced"])
      assert.deepStrictEqual(yield* known(), before)
      const empty = yield* connect()
      assert.deepStrictEqual(words(empty.sink), ["svc.a 1", "synced"])
      assert.deepStrictEqual(yield* known(), ["svc.a sent 1"])
    }).pipe(Effect.provide(sessionsWith({})))
  )
})

describe("what is told once", () => {
  it.effect(
    "FC2 a client that comes back with nothing has left what it applied, also of a key that is deleted by now",
    () =>
      Effect.gen(function* () {
        yield* TestClock.adjust("1 minute")
        yield* publish({ key: "svc.a", value: "1" })
        const { session, sink } = yield* connect()
        const sessions = yield* Sessions
        sessions.heard(session, applied(session, sink.values[0]!).answers)
        sessions.end(session, { name: "Closed", reason: "test" })
        yield* settle
        yield* publish({ key: "svc.a", value: null })
        const before = yield* known()
        const again = yield* connect()

        assert.deepStrictEqual(before, ["svc.a sent 1 applied 1"])
        assert.deepStrictEqual(words(again.sink), ["synced"])
        assert.deepStrictEqual(yield* known(), ["svc.a sent 1"])
      }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect("a problem is told once a position, and again of the same revision in another history", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      yield* publish({ key: "svc.tpl", value: "{{client.zone}}" })
      const { sink } = yield* connect()
      yield* publish({ key: "herald.variables", value: "{}", valueType: "json" }, false)
      faults.restore(1)
      yield* TestClock.adjust("1 second")

      assert.deepStrictEqual(
        sink.got.filter(({ kind }) => kind === "problem").map((update) => "epoch" in update && update.epoch),
        [sink.got[0]?.kind === "problem" ? sink.got[0].epoch : "", "restored"]
      )
    }).pipe(Effect.provide(sessionsWith({}, faults.layer(true))))
  })
})
