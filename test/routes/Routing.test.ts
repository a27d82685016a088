/** Routing from several logs, one of which is not as it should be. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Memory from "../../layers/Memory/Memory.ts"
import { Access } from "../../src/access/Access.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { Placement } from "../../src/placement/Placement.ts"
import { makeEnds, sliceOf } from "../../src/routes/Ends.ts"
import * as Routing from "../../src/routes/Routing.ts"
import { RoutingRules } from "../../src/routes/RoutingRules.ts"
import { KnownTopics } from "../../src/topics/KnownTopics.ts"
import { Logs } from "../../src/topics/Logs.ts"
import { type Log, TopicLog } from "../../src/topics/TopicLog.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import { TopicUsers } from "../../src/topics/TopicUsers.ts"
import { fresh } from "../support/fresh.ts"
import { events, newTopic, readAll, startOf } from "../support/Topics.ts"
import { workers } from "../support/workers.ts"

const mine = Layer.succeed(
  Placement,
  Placement.of({ single: (_name, work) => Effect.asVoid(Effect.forkScoped(work)), turns: Effect.succeed([]) })
)

const away = failure("TopicLogUnavailable", "it is away")

/** `kafka`: what of it is otherwise, once it is sick. */
const logs = (kafka: Partial<Log>, seen: { bounds: number; isSick: boolean }, of = (log: Log): Log => log) =>
  Layer.effect(
    Logs,
    Effect.map(TopicLog, (truth) => {
      const log = of(truth)
      const counted: Log = {
        ...log,
        bounds: (topics) =>
          Effect.suspend(() => {
            seen.bounds++
            return log.bounds(topics)
          })
      }
      const sick = { ...log, ...kafka }
      const other: Log = {
        ...log,
        bounds: (...of) => Effect.suspend(() => (seen.isSick ? sick : log).bounds(...of)),
        read: (...of) => Effect.suspend(() => (seen.isSick ? sick : log).read(...of))
      }
      const all = [["postgres", counted] as const, ["kafka", other] as const]
      return Logs.of({ all, of: (kind) => all.find(([its]) => its === kind)?.[1] })
    })
  )

const access = Layer.mock(Access, { spend: () => Effect.void })

describe("Routing", () => {
  for (const [how, kafka] of [
    ["fails when it is asked how far it goes", { bounds: () => away }],
    ["never says how far it goes", { bounds: () => Effect.never }],
    ["fails when it is read", { read: () => away }],
    ["is read for ever", { read: () => Effect.never }]
  ] as ReadonlyArray<[string, Partial<Log>]>)
    it.effect(`ZK2 a log that ${how} keeps nothing of another from being routed`, () => {
      const seen = { bounds: 0, isSick: false }
      const below = Layer.provideMerge(logs(kafka, seen), Memory.layer)
      const given = Layer.provideMerge(
        Layer.provideMerge(RoutingRules.layer, Layer.mergeAll(KnownTopics.layer, TopicUsers.layer, workers(), access)),
        below
      )
      return Effect.gen(function* () {
        const { create } = yield* RoutingRules
        const { append } = yield* TopicLog
        const target = yield* newTopic()
        for (const log of ["kafka", "postgres"] as const)
          for (let n = 0; n < 8; n++) {
            const source = yield* newTopic({ log })
            if (log === "kafka") yield* (yield* TopicStore).made(source.id, source.name)
            yield* create({ name: fresh("rule"), source: source.name, target: target.name }, { message: "" })
            yield* append({
              topic: source.id,
              partition: 0,
              events: events(`${log}${n}`),
              compression: "zstd",
              producing: undefined
            })
          }
        Object.assign(seen, { bounds: 0, isSick: true })
        yield* Layer.build(Layer.provide(Routing.layer({ eventBytes: 1_048_576 }), mine))
        for (let n = 0; n < 20; n++) yield* TestClock.adjust("250 millis")
        const { pieces } = yield* readAll({ topic: target.id, partition: 0 }, yield* startOf(target.id, 0))
        const count = pieces.reduce((sum, piece) => sum + (piece.is === "segment" ? piece.count : 0), 0)
        assert.strictEqual(count, 8)
        assert.isBelow(seen.bounds, 8)
      }).pipe(Effect.scoped, Effect.provideService(CurrentIdentity, system), Effect.provide(given))
    })

  it.effect(
    "ZK4 a partition that can't be read keeps nothing of those beside it from being routed, and goes on later",
    () => {
      const seen = { bounds: 0, isSick: false }
      const bad = { partition: -1, reads: 0 }
      const log = (all: Log): Log => ({
        ...all,
        read: (id, ...of) => {
          if (id.partition !== bad.partition) return all.read(id, ...of)
          bad.reads++
          return away
        }
      })
      const below = Layer.provideMerge(logs({}, seen, log), Memory.layer)
      const given = Layer.provideMerge(
        Layer.provideMerge(RoutingRules.layer, Layer.mergeAll(KnownTopics.layer, TopicUsers.layer, workers(), access)),
        below
      )
      return Effect.gen(function* () {
        const { create } = yield* RoutingRules
        const { append } = yield* TopicLog
        const target = yield* newTopic()
        const source = yield* newTopic({ partitions: 64 })
        const all = Array.from({ length: 64 }, (_, partition) => partition)
        const slice = sliceOf({ topic: source.id, partition: 0 })
        const beside = all.filter((partition) => sliceOf({ topic: source.id, partition }) === slice)
        assert.isAbove(beside.length, 2)
        yield* create({ name: fresh("rule"), source: source.name, target: target.name }, { message: "" })
        for (const partition of beside)
          yield* append({
            ...{ topic: source.id, partition, compression: "zstd", producing: undefined },
            events: events(`${partition}`)
          })
        bad.partition = beside[0]!
        const routed = Effect.gen(function* () {
          const { pieces } = yield* readAll({ topic: target.id, partition: 0 }, yield* startOf(target.id, 0))
          return pieces.reduce((sum, piece) => sum + (piece.is === "segment" ? piece.count : 0), 0)
        })
        yield* Layer.build(Layer.provide(Routing.layer({ eventBytes: 1_048_576 }), mine))
        yield* TestClock.adjust("900 millis")
        assert.strictEqual(yield* routed, beside.length - 1)
        yield* append({
          ...{ topic: source.id, partition: bad.partition, compression: "zstd", producing: undefined },
          events: events("later")
        })
        assert.strictEqual(bad.reads, 1)
        bad.partition = -1
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* routed, beside.length + 1)
      }).pipe(Effect.scoped, Effect.provideService(CurrentIdentity, system), Effect.provide(given))
    }
  )

  it.effect(
    "ZI5 an event is judged by the schema that its topic has, and a rule that doesn't fit it passes nothing over",
    () => {
      const below = Layer.provideMerge(logs({}, { bounds: 0, isSick: false }), Memory.layer)
      const given = Layer.provideMerge(
        Layer.provideMerge(RoutingRules.layer, Layer.mergeAll(KnownTopics.layer, TopicUsers.layer, workers(), access)),
        below
      )
      return Effect.gen(function* () {
        const { create, get } = yield* RoutingRules
        const { append } = yield* TopicLog
        const { update } = yield* TopicStore
        const schema = (type: string) => JSON.stringify({ properties: { total: { type } } })
        const target = yield* newTopic()
        const source = yield* newTopic({ schema: schema("number") })
        const name = fresh("rule")
        yield* create({ name, source: source.name, target: target.name, condition: "total > 1000" }, { message: "" })
        yield* Layer.build(Layer.provide(Routing.layer({ eventBytes: 1_048_576 }), mine))
        const put = (total: unknown) =>
          append({
            ...{ topic: source.id, partition: 0, producing: undefined, compression: "zstd" },
            events: events(JSON.stringify({ total }))
          })
        const routed = Effect.gen(function* () {
          for (let n = 0; n < 20; n++) yield* TestClock.adjust("250 millis")
          const { pieces } = yield* readAll({ topic: target.id, partition: 0 }, yield* startOf(target.id, 0))
          return pieces.reduce((sum, piece) => sum + (piece.is === "segment" ? piece.count : 0), 0)
        })
        yield* put(2_000)
        assert.strictEqual(yield* routed, 1)
        yield* update(source.name, { schema: schema("string") })
        yield* TestClock.adjust("2 seconds")
        yield* put("3000")
        assert.strictEqual(yield* routed, 1)
        const rule = yield* get(name)
        assert.match(JSON.stringify(rule), /doesn't fit/)
      }).pipe(Effect.scoped, Effect.provideService(CurrentIdentity, system), Effect.provide(given))
    }
  )

  it.effect("ZK3 a log is asked once for all parts, and anew for whoever wants to know it as it is later", () =>
    Effect.gen(function* () {
      let [asked, now] = [0, 100]
      let topics: ReadonlyArray<number> = [1, 2]
      const bounds = (those: ReadonlyArray<number>) =>
        Effect.sync(() => {
          asked++
          return those.map((topic) => ({ topic, partition: 0, epoch: 1, first: 0, next: asked, bytes: 0 }))
        })
      const ends = makeEnds({ log: { bounds }, topics: () => topics, now: () => now })
      const [one, two] = [1, 2].map((topic) => sliceOf({ topic, partition: 0 })) as [number, number]
      const all = yield* Effect.all([ends(one, 100), ends(two, 90), ends(one, 50)], { concurrency: "unbounded" })
      assert.deepStrictEqual(
        all.map((its) => its.map(({ topic, next }) => [topic, next])),
        [[[1, 1]], [[2, 1]], [[1, 1]]]
      )
      now = 200
      assert.strictEqual((yield* ends(one, 101))[0]!.next, 2)
      topics = [1]
      assert.deepStrictEqual(yield* ends(two, 0), [])
      assert.strictEqual(asked, 3)
      topics = []
      assert.deepStrictEqual(yield* ends(one, 0), [])
      assert.strictEqual(asked, 3)
    })
  )
})
