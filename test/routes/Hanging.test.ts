/** Routing from partitions that hang as they are read. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Memory from "../../layers/Memory/Memory.ts"
import { Access } from "../../src/access/Access.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { Placement } from "../../src/placement/Placement.ts"
import { Due, REST } from "../../src/routes/Due.ts"
import { sliceOf } from "../../src/routes/Ends.ts"
import * as Routing from "../../src/routes/Routing.ts"
import { RoutingRules } from "../../src/routes/RoutingRules.ts"
import { KnownTopics } from "../../src/topics/KnownTopics.ts"
import { Logs } from "../../src/topics/Logs.ts"
import { type Log, TopicLog } from "../../src/topics/TopicLog.ts"
import { TopicUsers } from "../../src/topics/TopicUsers.ts"
import { fresh } from "../support/fresh.ts"
import { events, newTopic, readAll, startOf } from "../support/Topics.ts"
import { workers } from "../support/workers.ts"

const mine = Layer.succeed(
  Placement,
  Placement.of({ single: (_name, work) => Effect.asVoid(Effect.forkScoped(work)), turns: Effect.succeed([]) })
)
const access = Layer.mock(Access, { spend: () => Effect.void })

/** A node that routes a topic of 256 partitions, of which those in `hanging` never answer who reads them. */
const given = (hanging: Set<number>) => {
  const logs = Layer.effect(
    Logs,
    Effect.map(TopicLog, (log) => {
      const its: Log = {
        ...log,
        read: (id, ...of) => Effect.suspend(() => (hanging.has(id.partition) ? Effect.never : log.read(id, ...of)))
      }
      return Logs.of({ all: [["postgres", its]], of: () => its })
    })
  )
  const below = Layer.provideMerge(logs, Memory.layer)
  const needs = Layer.mergeAll(KnownTopics.layer, TopicUsers.layer, workers(), access)
  return Layer.provideMerge(Layer.provideMerge(RoutingRules.layer, needs), below)
}

const begin = Effect.gen(function* () {
  const { create } = yield* RoutingRules
  const { append } = yield* TopicLog
  const target = yield* newTopic()
  const source = yield* newTopic({ partitions: 256 })
  yield* create({ name: fresh("rule"), source: source.name, target: target.name }, { message: "" })
  const put = (partition: number) =>
    append({
      ...{ topic: source.id, partition, compression: "zstd", producing: undefined },
      events: events(`${partition}`)
    })
  const routed = Effect.gen(function* () {
    const { pieces } = yield* readAll({ topic: target.id, partition: 0 }, yield* startOf(target.id, 0))
    return pieces.reduce((sum, piece) => sum + (piece.is === "segment" ? piece.count : 0), 0)
  })
  const all = Array.from({ length: 256 }, (_, partition) => partition)
  const partOf = (partition: number) => sliceOf({ topic: source.id, partition })
  const beside = all.filter((one) => partOf(one) === partOf(0))
  return { put, routed, beside, elsewhere: [...Map.groupBy(all, partOf).values()].map((those) => those[0]!).slice(1) }
})

const run = Layer.build(Layer.provide(Routing.layer({ eventBytes: 1_048_576 }), mine))

describe("partitions that hang", () => {
  it.effect("ZK4 while one hangs, what comes in those beside it is routed", () => {
    const hanging = new Set<number>()
    return Effect.gen(function* () {
      const { put, routed, beside } = yield* begin
      const [bad, good] = [beside[0]!, beside[1]!]
      hanging.add(bad)
      yield* put(bad)
      yield* run
      yield* TestClock.adjust("1 second")
      yield* put(good)
      yield* TestClock.adjust("100 millis") // far from the 5 s after which nobody waits any more
      assert.strictEqual(yield* routed, 1)
    }).pipe(Effect.scoped, Effect.provideService(CurrentIdentity, system), Effect.provide(given(hanging)))
  })

  it.effect(
    "ZK4 ZK5 more that hang than are looked at at once hold up others once only, and are routed when they answer",
    () => {
      const hanging = new Set<number>()
      return Effect.gen(function* () {
        const { put, routed, beside, elsewhere } = yield* begin
        assert.isAbove(beside.length, 10)
        const bad = [...beside.slice(0, 8), ...elsewhere.slice(0, 8)]
        for (const one of bad) {
          hanging.add(one)
          yield* put(one)
        }
        yield* run
        // Four at a time until it is known of each that it hangs.
        for (let n = 0; n < 40; n++) yield* TestClock.adjust("1 second")
        for (let n = 8; n < 11; n++) {
          yield* put(beside[n]!)
          yield* TestClock.adjust("100 millis")
          assert.strictEqual(yield* routed, n - 7)
        }
        hanging.clear()
        for (let n = 0; n < 90; n++) yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* routed, 19)
      }).pipe(Effect.scoped, Effect.provideService(CurrentIdentity, system), Effect.provide(given(hanging)))
    }
  )

  it("ZK5 one is looked at once at a time, and of those that took their time to fail one at all", () => {
    const due = new Due(2)
    for (const key of ["a", "b", "c", "d"]) due.add(key)
    assert.deepStrictEqual([due.take(), due.take(), due.take()], ["a", "b", undefined])
    due.add("a") // something came meanwhile
    due.ended("b")
    assert.deepStrictEqual([due.take(), due.take()], ["c", undefined])
    for (const key of ["a", "c"]) {
      due.failed(key, 0, 5_000)
      due.ended(key)
    }
    due.add("a")
    assert.deepStrictEqual([due.take(), due.take()], ["d", undefined])
    due.rested(REST - 1)
    assert.strictEqual(due.take(), undefined)
    due.rested(REST)
    due.add("e")
    assert.deepStrictEqual([due.take(), due.take(), due.take()], ["a", "e", undefined])
    due.well("a")
    due.ended("a")
    due.ended("d")
    assert.strictEqual(due.take(), "c")
    due.keep(new Set(["c"]))
    assert.isFalse(due.anyResting)
  })
})
