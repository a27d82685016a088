import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { TestClock } from "effect/testing"
import type { Identity } from "../../src/access/Identity.ts"
import { HeraldError } from "../../src/errors/HeraldError.ts"
import { Cache } from "../../src/propagation/Cache.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { InstanceStore } from "../../src/sessions/InstanceStore.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import { instance } from "../contracts/Instances.ts"
import { Faults } from "../propagation/Harness.ts"
import { applied, FakeSink, layerWith, publish, subscription } from "./Harness.ts"

/** Lets every fiber run until nothing is left to do now. */
const settle = Effect.repeat(TestClock.adjust("1 millis"), { times: 9 })

const seen = (sink: FakeSink) =>
  sink.values.map(({ key, content, stale }) => `${key} ${content}${stale ? " stale" : ""}`)

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
    }).pipe(Effect.provide(layerWith({})))
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
    }).pipe(Effect.provide(layerWith({}, faults.layer(false))))
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
    }).pipe(Effect.provide(layerWith({})))
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
    }).pipe(Effect.provide(layerWith({})))
  )

  it.effect("S3 what is sent to a silent client does not keep it alive", () =>
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
    }).pipe(Effect.provide(layerWith({})))
  )

  it.effect("S3 a client that never speaks after its first message is left to the transport's keepalive", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const session = yield* sessions.open(subscription({ control: false }), new FakeSink())
      yield* TestClock.adjust("10 minutes")

      assert.isFalse(yield* Deferred.isDone(session.ended))
    }).pipe(Effect.provide(layerWith({})))
  )

  const as = (name: string, keyId = name): Identity => ({ name, keyId, role: "subscriber", environments: ["*"] })

  it.effect(
    "OW1 OW3 another principal takes no connected instance and does not beat for it; the same one by another key does",
    () =>
      Effect.gen(function* () {
        const sessions = yield* Sessions
        const first = yield* sessions.open(subscription({ identity: as("a") }), new FakeSink())
        const foreign = yield* Effect.flip(sessions.open(subscription({ identity: as("b") }), new FakeSink()))
        assert.strictEqual(foreign.name, "InstanceOwned")
        const beat = yield* Effect.flip(sessions.beat(first.subscription.client, as("b")))
        assert.strictEqual(beat.name, "InstanceOwned")
        assert.isFalse(yield* Deferred.isDone(first.ended))

        assert.isTrue(yield* sessions.beat(first.subscription.client, as("a", "second key")))
        const second = yield* sessions.open(subscription({ identity: as("a", "second key") }), new FakeSink())
        assert.strictEqual((yield* Deferred.await(first.ended)).name, "SessionReplaced")
        sessions.end(second, { name: "Closed", reason: "" })
        yield* settle
        const third = yield* sessions.open(subscription({ identity: as("b") }), new FakeSink())
        assert.isFalse(yield* Deferred.isDone(third.ended))
      }).pipe(Effect.provide(layerWith({})))
  )

  it.effect("OW2 a session whose instance another node's client of another principal has ends with InstanceOwned", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const store = yield* InstanceStore
      const note = instance("svc", { session: "other/1", node: "other", owner: "a" })
      yield* store.write({ instances: [note], deliveries: [], held: [], health: [] })
      const session = yield* sessions.open(subscription({ identity: as("b") }), new FakeSink())
      yield* TestClock.adjust("1 second")
      yield* settle

      assert.strictEqual((yield* Deferred.await(session.ended)).name, "InstanceOwned")
      assert.strictEqual(sessions.size(), 0)
      assert.deepInclude((yield* store.list({ limit: 10, keys: 10 }))[0], { session: "other/1", state: "connected" })
    }).pipe(Effect.provide(layerWith({})))
  )

  it.effect("OW1 where instances are shared, whoever comes takes them, and that is kept", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const store = yield* InstanceStore
      const first = yield* sessions.open(subscription({ identity: as("a") }), new FakeSink())
      yield* sessions.open(subscription({ identity: as("b") }), new FakeSink())
      assert.strictEqual((yield* Deferred.await(first.ended)).name, "SessionReplaced")
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* store.list({ limit: 10, keys: 10 }))[0]?.owner, "")
    }).pipe(Effect.provide(layerWith({ ownership: "shared" })))
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
    }).pipe(Effect.provide(layerWith({})))
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
    }).pipe(Effect.provide(layerWith({})))
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
    }).pipe(Effect.provide(layerWith({})))
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
    }).pipe(Effect.provide(layerWith({})))
  )

  it.effect("S1 who waited for its turn to be sent a value is sent what is the newest by then", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const sessions = yield* Sessions
      const run = Effect.runForkWith(yield* Effect.context<Effect.Services<ReturnType<typeof publish>>>())
      yield* publish({ value: "1" })
      yield* (yield* Cache).clear
      faults.values.closeUnsafe()
      const sinks = Array.from({ length: 40 }, () => new FakeSink())
      for (const [i, sink] of sinks.entries()) {
        yield* sessions.open(subscription({ instance: `i${i}` }), sink)
        const { write } = sink
        sink.write = (update) => {
          if (sinks.every(({ got }) => got.length === 0)) run(publish({ value: "2" }))
          for (const until = performance.now() + 1; performance.now() < until; );
          return write(update)
        }
      }
      yield* settle
      const sent = new Promise<void>((resolve) => {
        const look = () => {
          if (sinks.every(({ contents }) => contents.at(-1) === "2")) resolve()
          else setImmediate(look)
        }
        setImmediate(look)
      })
      faults.values.openUnsafe()
      yield* Effect.promise(() => sent)

      assert.deepStrictEqual(sinks[0]?.contents, ["1", "2"])
      assert.deepStrictEqual(sinks.at(-1)?.contents, ["2"])
    }).pipe(Effect.provide(layerWith({}, faults.layer(true))))
  })

  it.effect("RO1 clients that waited for the same value are sent it a few milliseconds' worth at a time", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const sessions = yield* Sessions
      yield* publish({ value: "1" })
      yield* (yield* Cache).clear
      faults.values.closeUnsafe()
      const sinks = Array.from({ length: 40 }, () => new FakeSink())
      for (const [i, sink] of sinks.entries()) {
        yield* sessions.open(subscription({ instance: `i${i}` }), sink)
        const { write } = sink
        sink.write = (update) => {
          for (const until = performance.now() + 1; performance.now() < until; );
          return write(update)
        }
      }
      yield* settle
      const before = sinks.flatMap(({ contents }) => contents)
      let turns = 0
      const sent = new Promise<void>((resolve) => {
        const count = () => {
          turns++
          if (sinks.every(({ contents }) => contents.length > 0)) resolve()
          else setImmediate(count)
        }
        setImmediate(count)
      })
      faults.values.openUnsafe()
      yield* Effect.promise(() => sent)

      assert.deepStrictEqual(before, [])
      assert.isAtLeast(turns, 5)
      assert.deepStrictEqual([...new Set(sinks.flatMap(({ contents }) => contents))], ["1"])
    }).pipe(Effect.provide(layerWith({}, faults.layer(true))))
  })

  it.effect("RO1 thousands are told to leave a few milliseconds' worth at a time", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const sinks = Array.from({ length: 40 }, () => new FakeSink())
      for (const [i, sink] of sinks.entries()) {
        yield* sessions.open(subscription({ instance: `i${i}` }), sink)
        const { write } = sink
        sink.write = (update) => {
          for (const until = performance.now() + 1; performance.now() < until; );
          return write(update)
        }
      }
      yield* settle
      let turns = 0
      const count = () => {
        turns++
        if (sinks.at(-1)!.got.at(-1)?.kind !== "drain") setImmediate(count)
      }
      setImmediate(count)
      yield* sessions.drain

      assert.isAtLeast(turns, 4)
      assert.isTrue(sinks.every(({ got }) => got.at(-1)?.kind === "drain"))
    }).pipe(Effect.provide(layerWith({})))
  )

  it.effect(
    "QT1 refuses more sessions than the identity may have, QT2 and lets a client take its own place again",
    () =>
      Effect.gen(function* () {
        const sessions = yield* Sessions
        yield* sessions.open(subscription({ instance: "1" }), new FakeSink())
        yield* sessions.open(subscription({ instance: "2" }), new FakeSink())

        const refused = yield* Effect.flip(sessions.open(subscription({ instance: "3" }), new FakeSink()))
        assert.strictEqual(refused.name, "TooManySubscriptions")
        const again = yield* sessions.open(subscription({ instance: "2" }), new FakeSink())
        yield* settle
        assert.isFalse(yield* Deferred.isDone(again.ended))
        const still = yield* Effect.flip(sessions.open(subscription({ instance: "3" }), new FakeSink()))
        assert.strictEqual(still.name, "TooManySubscriptions")
      }).pipe(Effect.provide(layerWith({ maxSessionsPerIdentity: 2 })))
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
    }).pipe(Effect.provide(layerWith({})))
  )

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
    }).pipe(Effect.provide(layerWith({})))
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
    }).pipe(Effect.provide(layerWith({})))
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
    }).pipe(Effect.provide(layerWith({}, faults.layer(true))))
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
    }).pipe(Effect.provide(layerWith({}, faults.layer(true))))
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
      }).pipe(Effect.provide(layerWith({})))
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
    }).pipe(Effect.provide(layerWith({})))
  )
})
