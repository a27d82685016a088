/** What a client is due is decided by what it holds, in any weather: labels, epochs, an unsure view, a node that is behind. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Cache } from "../../src/propagation/Cache.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { Bookkeeping } from "../../src/sessions/Bookkeeping.ts"
import { InstanceStore } from "../../src/sessions/InstanceStore.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import type { Update } from "../../src/sessions/Update.ts"
import { Faults } from "../propagation/Harness.ts"
import { applied, FakeSink, layerWith, publish, subscription } from "./Harness.ts"

const settle = Effect.repeat(TestClock.adjust("1 millis"), { times: 9 })

const word = (update: Update): string => {
  switch (update.kind) {
    case "value":
      return `${update.key} ${update.content}${update.stale ? " stale" : ""}`
    case "deleted":
      return `${update.key} deleted`
    case "problem":
      return `${update.key} problem`
    case "drain":
      return "drain"
    default:
      return `${update.kind}${update.stale ? " stale" : ""}`
  }
}
const words = (sink: FakeSink) => sink.got.map(word)

type Options = Parameters<typeof subscription>[0]
/** What a client gets that connects like this. */
const connect = Effect.fnUntraced(function* (options: Options = {}) {
  const sessions = yield* Sessions
  const sink = new FakeSink()
  const session = yield* sessions.open(subscription(options), sink)
  yield* settle
  return { sink, session }
})
/** What the fleet knows of each key: what, and which version. */
const known = (instance = "i1") =>
  Effect.gen(function* () {
    const store = yield* InstanceStore
    yield* (yield* Bookkeeping).flush
    const [row] = yield* store.list({ instance, limit: 1, keys: 100 })
    return (row?.keys ?? []).map(({ key, sent, applied, rejected, problem }) =>
      [
        key,
        sent && `sent ${sent.version}`,
        applied && `applied ${applied.version}`,
        rejected && `rejected ${rejected.version}`,
        problem && "problem"
      ]
        .filter((part) => part !== undefined)
        .join(" ")
    )
  })
const here = Effect.map(Propagation, (propagation) => propagation.position())

describe("resuming", () => {
  it.effect("DV1 a position is no claim to hold values: who says that it holds nothing gets every value", () =>
    Effect.gen(function* () {
      yield* publish({ key: "svc.a", value: "1" })
      yield* publish({ key: "svc.b", value: "1" })
      const { sink } = yield* connect({ position: yield* here })

      assert.deepStrictEqual(words(sink), ["svc.a 1", "svc.b 1", "synced"])
      assert.deepStrictEqual(yield* known(), ["svc.a sent 1", "svc.b sent 1"])
    }).pipe(Effect.provide(layerWith({})))
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
    }).pipe(Effect.provide(layerWith({}, faults.layer(true))))
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
    }).pipe(Effect.provide(layerWith({})))
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
      }).pipe(Effect.provide(layerWith({})))
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
      }).pipe(Effect.provide(layerWith({})))
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
    }).pipe(Effect.provide(layerWith({})))
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
      }).pipe(Effect.provide(layerWith({}, faults.layer(true))))
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
      }).pipe(Effect.provide(layerWith({}, faults.layer(true))))
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
    }).pipe(Effect.provide(layerWith({})))
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
    }).pipe(Effect.provide(layerWith({})))
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
      }).pipe(Effect.provide(layerWith({})))
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
    }).pipe(Effect.provide(layerWith({}, faults.layer(true))))
  })
})

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
      }).pipe(Effect.provide(layerWith({}, faults.layer(true))))
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
    }).pipe(Effect.provide(layerWith({}, faults.layer(true))))
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
        yield* (yield* Cache).clear
        const { sink } = yield* connect() // its value is asked for
        faults.gate.openUnsafe()
        yield* TestClock.adjust("900 millis")
        assert.isFalse((yield* Propagation).stale())
        faults.values.openUnsafe()
        yield* settle

        assert.deepStrictEqual(words(sink), ["svc.plain 1 stale", "svc.plain 1", "synced"])
      }).pipe(Effect.provide(layerWith({}, faults.layer(true))))
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
    }).pipe(Effect.provide(layerWith({}, faults.layer(true))))
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
    }).pipe(Effect.provide(layerWith({}, faults.layer(false))))
  })

  it.effect("DV4 a client whose keys are compared for long hears a sign of life, of no later position", () =>
    Effect.gen(function* () {
      yield* publish({ key: "svc.a", value: "1" })
      const { sink, session } = yield* connect()
      const position = yield* here
      session.work = (function* (): Generator<undefined> {
        while (true) yield undefined
      })()
      session.wake()
      yield* publish({ key: "other", value: "1" })
      yield* TestClock.adjust("31 seconds")

      assert.deepStrictEqual(words(sink), ["svc.a 1", "synced", "heartbeat"])
      assert.deepStrictEqual((sink.got[2] as { readonly position: unknown }).position, position)
    }).pipe(Effect.provide(layerWith({})))
  )
})

describe("answers", () => {
  const answer = (update: { readonly key: string; readonly revision: bigint }, good: boolean, epoch = "") => [
    { key: update.key, revision: update.revision, epoch, applied: good, reason: "why" }
  ]

  it.effect(
    "S7 an answer counts for the update that it names: of another revision or epoch it is not the newest's",
    () =>
      Effect.gen(function* () {
        const sessions = yield* Sessions
        yield* publish({ value: "1" })
        const { sink, session } = yield* connect()
        yield* publish({ value: "2" })
        yield* settle
        const [one, two] = sink.values
        sessions.heard(session, answer(one!, true)) // no epoch: it must be the newest
        sessions.heard(session, answer({ key: "svc", revision: 99n }, true, one!.epoch))
        sessions.heard(session, answer(two!, true, "another"))
        assert.deepStrictEqual(yield* known(), ["svc sent 2"])
        assert.strictEqual(session.behind, 1)

        sessions.heard(session, answer(one!, true, one!.epoch))
        assert.deepStrictEqual(yield* known(), ["svc sent 2 applied 1"])
        assert.strictEqual(session.behind, 1)
        sessions.heard(session, answer(two!, false, two!.epoch))
        assert.deepStrictEqual(yield* known(), ["svc sent 2 applied 1 rejected 2"])
        assert.strictEqual(session.base("svc"), "")
        sessions.heard(session, answer(two!, true))
        assert.deepStrictEqual(yield* known(), ["svc sent 2 applied 2"])
        assert.strictEqual(session.behind, 0)
      }).pipe(Effect.provide(layerWith({})))
  )

  it.effect("S7 an answer of a lost history is not one to the present update of the same revision", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const sessions = yield* Sessions
      yield* publish({ value: "kept" })
      const { sink, session } = yield* connect({ acceptsDelta: true })
      yield* publish({ value: "lost" })
      yield* settle
      const lost = sink.values.at(-1)!
      faults.restore(1)
      yield* TestClock.adjust("1 second")
      yield* publish({ value: "after" })
      yield* settle
      const after = sink.values.at(-1)!
      sessions.heard(session, answer(lost, true, lost.epoch))

      assert.strictEqual(lost.revision, after.revision)
      assert.strictEqual(session.behind, 1)
      assert.strictEqual(session.base("svc"), "")
      sessions.heard(session, answer(after, true, after.epoch))
      assert.strictEqual(session.behind, 0)
      assert.strictEqual(session.base("svc"), after.digest)
    }).pipe(Effect.provide(layerWith({}, faults.layer(true))))
  })

  it.effect("S8 clients that were sent the same remember one mark of it, and no content", () =>
    Effect.gen(function* () {
      yield* publish({ key: "svc.tpl", value: "{{client.instance}} in some words" })
      yield* publish({ key: "svc.plain", value: "some words" })
      const clients = yield* Effect.forEach(["a", "b", "c"], (instance) => connect({ instance }))
      const marks = clients.flatMap(({ session }) => [...session.told.values()])

      assert.strictEqual(marks.length, 6)
      assert.strictEqual(new Set(marks).size, 2)
      assert.notInclude(
        JSON.stringify(marks, (_, v) => (typeof v === "bigint" ? String(v) : v)),
        "some words"
      )
    }).pipe(Effect.provide(layerWith({})))
  )
})

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
    }).pipe(Effect.provide(layerWith({}, faults.layer(true))))
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
      assert.isTrue(session.synced)
    }).pipe(Effect.provide(layerWith({}, faults.layer(true))))
  })

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
    }).pipe(Effect.provide(layerWith({ maxSessions: 1_000, maxSessionsPerIdentity: 1_000 })))
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
    }).pipe(Effect.provide(layerWith({}, faults.layer(true))))
  })
})
