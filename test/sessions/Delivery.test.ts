/** What a client is sent, how much at a time, and what it is not sent. */
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

const seen = (sink: FakeSink) =>
  sink.values.map(({ key, content, stale }) => `${key} ${content}${stale ? " stale" : ""}`)

describe("what a client is sent", () => {
  it.effect("sends at connect only what differs from what the client holds", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const one = yield* publish({ key: "svc.same", value: "same" })
      yield* publish({ key: "svc.changed", value: "new" })
      yield* publish({ key: "svc.gone", value: "x" })
      yield* publish({ key: "svc.gone", value: null })
      const sink = new FakeSink()
      const held = new Map([
        ["svc.same", one.changes[0]!.digest],
        ["svc.changed", "other"],
        ["svc.gone", "other"]
      ])
      yield* sessions.open(subscription({ held }), sink)
      yield* settle

      assert.deepStrictEqual(
        sink.got.map((update) => [update.kind, "key" in update ? update.key : ""]),
        [
          ["value", "svc.changed"],
          ["deleted", "svc.gone"],
          ["synced", ""]
        ]
      )
    }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect("sends a delta only on top of what the client confirmed", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const sink = new FakeSink()
      const big = { list: Array.from({ length: 50 }, (_, i) => `item ${i}`), n: 1 }
      yield* publish({ value: JSON.stringify(big), valueType: "json" })
      const session = yield* sessions.open(subscription({ acceptsDelta: true }), sink)
      yield* settle
      yield* publish({ value: JSON.stringify({ ...big, n: 2 }), valueType: "json" })
      yield* settle
      assert.isUndefined(sink.values[1]!.delta)
      const { answers } = applied(session, sink.values[1]!)
      sessions.heard(session, answers)
      yield* publish({ value: JSON.stringify({ ...big, n: 3 }), valueType: "json" })
      yield* settle

      assert.strictEqual(sink.values[2]!.delta?.base, sink.values[1]!.digest)
      assert.deepStrictEqual(JSON.parse(sink.values[2]!.delta!.patch), [{ op: "replace", path: "/n", value: 3 }])
    }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect("S6 a strict key is withheld while the view is stale, and sent when it is confirmed", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const sessions = yield* Sessions
      const sink = new FakeSink()
      yield* publish({ key: "svc.strict", value: "1", strict: true })
      yield* publish({ key: "svc.plain", value: "1" })
      yield* sessions.open(subscription(), sink)
      yield* settle
      const confirmed = seen(sink)
      faults.fails = true
      yield* TestClock.adjust("4 seconds")
      yield* publish({ key: "svc.strict", value: "2", strict: true })
      yield* publish({ key: "svc.plain", value: "2" })
      yield* settle
      const unsure = seen(sink).slice(2)
      const late = new FakeSink()
      yield* sessions.open(subscription({ instance: "late" }), late)
      yield* settle
      const lateUnsure = seen(late)
      faults.fails = false
      yield* TestClock.adjust("1 second")

      const afterwards = ["svc.strict 2", "svc.plain 2"]
      assert.sameMembers(confirmed, ["svc.strict 1", "svc.plain 1"])
      assert.deepStrictEqual(unsure, ["svc.plain 2 stale"])
      assert.deepStrictEqual(lateUnsure, ["svc.plain 2 stale"])
      assert.sameMembers(seen(sink).slice(3), afterwards)
      assert.sameMembers(seen(late).slice(1), afterwards)
    }).pipe(Effect.provide(sessionsWith({}, faults.layer(true))))
  })

  it.effect("S2 after a lost history a client gets what is true again, and what was lost is deleted", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const sessions = yield* Sessions
      const sink = new FakeSink()
      yield* publish({ value: "kept" })
      yield* publish({ key: "svc.same", value: "same" })
      yield* sessions.open(subscription(), sink)
      yield* settle
      yield* publish({ value: "lost" })
      yield* publish({ key: "svc.new", value: "lost" })
      yield* settle
      const before = sink.values.length
      faults.restore(2)
      yield* TestClock.adjust("1 second")
      const restored = sink.values.slice(before)
      yield* publish({ value: "after" })
      yield* settle

      assert.sameMembers(
        restored.map(({ kind, key, content, epoch }) => [kind, key, content, epoch].join(" ")),
        ["value svc kept restored", "value svc.same same restored", "deleted svc.new  restored"]
      )
      assert.strictEqual(sink.contents.at(-1), "after")
      assert.strictEqual(sink.values.at(-1)?.revision, 3n)
    }).pipe(Effect.provide(sessionsWith({}, faults.layer(true))))
  })

  it.effect("DV5 values that nobody read yet are read together once the first was", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const sessions = yield* Sessions
      const keys = Array.from({ length: 20 }, (_, i) => `svc.k${String(i).padStart(2, "0")}`)
      for (const key of keys) yield* publish({ key, value: key })
      faults.restore(keys.length) // what the node has in memory is of another history
      yield* TestClock.adjust("1 second")
      yield* settle
      const before = faults.questions.length
      const sinks = Array.from({ length: 10 }, () => new FakeSink())
      for (const [i, sink] of sinks.entries()) yield* sessions.open(subscription({ instance: `i${i}` }), sink)
      yield* settle
      const questions = faults.questions.slice(before)

      for (const sink of sinks) assert.deepStrictEqual(sink.contents, keys)
      assert.isAtMost(questions.length, 6) // one for the first, and then what waits, on few lanes
      assert.strictEqual(
        questions.reduce((sum, n) => sum + n, 0),
        20
      )
    }).pipe(Effect.provide(sessionsWith({}, faults.layer(false))))
  })

  it.effect(
    "U1 clients that get the same share one update; U2 variables re-render templates with a later revision",
    () =>
      Effect.gen(function* () {
        const sessions = yield* Sessions
        const [a, b] = [new FakeSink(), new FakeSink()]
        yield* publish({ key: "herald.variables", value: `{"region":"eu"}`, valueType: "json" })
        yield* publish({ key: "svc.plain", value: "plain" })
        const template = yield* publish({ key: "svc.url", value: "{{region}}-{{client.instance}}" })
        yield* sessions.open(subscription({ instance: "a" }), a)
        yield* sessions.open(subscription({ instance: "b" }), b)
        yield* settle
        assert.strictEqual(
          a.values.find((u) => u.key === "svc.plain"),
          b.values.find((u) => u.key === "svc.plain")
        )
        const revision = yield* publish({ key: "herald.variables", value: `{"region":"us"}`, valueType: "json" })
        yield* settle

        const rendered = a.values.filter((u) => u.key === "svc.url")
        assert.deepStrictEqual(
          rendered.map((u) => u.content),
          ["eu-a", "us-a"]
        )
        assert.deepStrictEqual(
          rendered.map((u) => u.revision),
          [template.revision, revision.revision]
        )
        assert.strictEqual(b.contents.at(-1), "us-b")
      }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect("a template that a client can't render is a problem of that client, not an empty value", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const sink = new FakeSink()
      yield* publish({ value: "{{client.zone}}" })
      yield* sessions.open(subscription(), sink)
      yield* settle

      assert.deepStrictEqual(sink.values, [])
      const problem = sink.got.find((update) => update.kind === "problem")
      assert.include(problem?.kind === "problem" ? problem.message : "", "client.zone")
    }).pipe(Effect.provide(sessionsWith({})))
  )
})
