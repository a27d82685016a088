/** Publishing on memory twins, and on a log that fails where a test wants it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Result } from "effect"
import { TestClock } from "effect/testing"
import * as Memory from "../../layers/Memory/Memory.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import type { Batch } from "../../src/topics/Batch.ts"
import { BATCH_EVENTS } from "../../src/topics/Limits.ts"
import { Logs } from "../../src/topics/Logs.ts"
import type { Message } from "../../src/topics/Message.ts"
import { Publishing } from "../../src/topics/Publishing.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import { Topics } from "../../src/topics/Topics.ts"
import { access, below, topics } from "../support/Twins.ts"

const encoder = new TextEncoder()
const event = (text: string, key: string | null = null): Message => ({
  key,
  payload: encoder.encode(text),
  eventTime: null,
  headers: new Map()
})
const given = topics.pipe(Layer.provideMerge(access), Layer.provideMerge(below(Memory.layer, {})))
const as = <A, E, R>(work: Effect.Effect<A, E, R>) => Effect.provideService(work, CurrentIdentity, system)
const why = { message: "" }
/** What was begun goes on until it waits. */
const settled = Effect.promise(async () => {
  for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve))
})
const keys = Array.from({ length: 40 }, (_, n) => `key-${n}`)

/** Appends fail in one partition. */
const broken = (partition: number, error: Parameters<typeof failure>[0]) =>
  Layer.effect(
    TopicLog,
    Effect.map(TopicLog, (log) =>
      TopicLog.of({
        ...log,
        append: (batch: Batch) =>
          batch.partition === partition ? Effect.fail(failure(error, "it broke")) : log.append(batch)
      })
    )
  )
const on = (partition: number, error: Parameters<typeof failure>[0]) => {
  const stores = broken(partition, error).pipe(Layer.provideMerge(Memory.layer)) as typeof Memory.layer
  return topics.pipe(Layer.provideMerge(access), Layer.provideMerge(below(stores, {})))
}

describe("publishing", () => {
  it.effect("TV7 what is published is packed as its topic says", () => {
    const asked: Array<string> = []
    const listened = Layer.effect(
      TopicLog,
      Effect.map(TopicLog, (log) =>
        TopicLog.of({
          ...log,
          append: (batch: Batch) => {
            asked.push(batch.compression)
            return log.append(batch)
          }
        })
      )
    ).pipe(Layer.provideMerge(Memory.layer)) as typeof Memory.layer
    return Effect.gen(function* () {
      const { create } = yield* Topics
      const { publish } = yield* Publishing
      for (const compression of ["none", "zstd"] as const) {
        yield* create({ name: compression, compression, partitions: 2 }, why)
        yield* publish({ topic: compression, events: keys.map((key) => event("x", key)) })
      }
      assert.deepStrictEqual(asked, ["none", "none", "zstd", "zstd"])
    }).pipe(as, Effect.provide(topics.pipe(Layer.provideMerge(access), Layer.provideMerge(below(listened, {})))))
  })

  it.effect(
    "TV4 while the database stalls, publishers are told to come again, and stats say what waits and where",
    () => {
      const stalled = Layer.effect(
        TopicLog,
        Effect.map(TopicLog, (log) => TopicLog.of({ ...log, append: () => Effect.never }))
      ).pipe(Layer.provideMerge(Memory.layer)) as typeof Memory.layer
      const node = topics.pipe(Layer.provideMerge(access), Layer.provideMerge(below(stalled, {})))
      return Effect.gen(function* () {
        const publishing = yield* Publishing
        const all = yield* Topics
        yield* all.create({ name: "t", partitions: 2 }, why)
        const large = { key: null, payload: new Uint8Array(1_000_000), eventTime: null, headers: new Map() }
        const wish = { topic: "t", partition: 1, events: [large, large, large] }
        const waiting = yield* Effect.forEach(Array.from({ length: 16 }), () =>
          Effect.forkChild(publishing.publish(wish))
        )
        yield* settled
        const refused = yield* Effect.flip(publishing.publish(wish))
        assert.strictEqual(refused.name, "PublishingBusy")
        assert.isAbove(Number(refused.details?.["retryAfterMillis"]), 0)
        yield* TestClock.adjust("3 seconds")
        const { partitions } = yield* all.stats("t")
        assert.deepStrictEqual(
          partitions.map(({ waiting: { batches, millis } }) => [batches, millis]),
          [
            [0, 0],
            [16, 3_000]
          ]
        )
        assert.isAbove(partitions[1]!.waiting.bytes, 48_000_000)
        yield* Effect.forEach(waiting, Fiber.interrupt, { discard: true })
        assert.deepStrictEqual((yield* all.stats("t")).partitions[1]!.waiting, { batches: 0, bytes: 0, millis: 0 })
        const again = yield* Effect.forkChild(publishing.publish(wish))
        yield* settled
        assert.strictEqual((yield* all.stats("t")).partitions[1]!.waiting.batches, 1)
        yield* Fiber.interrupt(again)
      }).pipe(as, Effect.provide(node))
    }
  )

  it.effect(
    "TV2 events of one key are in one partition in their order, and those without one take turns by batch",
    () =>
      Effect.gen(function* () {
        const publishing = yield* Publishing
        yield* (yield* Topics).create({ name: "t", partitions: 4 }, why)
        const events = [...keys, ...keys].map((key, n) => event(String(n), key))
        const { placed, failed } = yield* publishing.publish({ topic: "t", events })
        assert.lengthOf(failed, 0)
        const partitionOf = new Map<string, number>()
        for (const { partition, indexes } of placed) {
          assert.deepStrictEqual(
            indexes,
            indexes?.toSorted((a, b) => a - b)
          )
          for (const index of indexes ?? []) {
            const key = events[index]!.key!
            assert.strictEqual(partitionOf.get(key) ?? partition, partition)
            partitionOf.set(key, partition)
          }
        }
        assert.strictEqual(
          placed.reduce((sum, { count }) => sum + count, 0),
          80
        )
        const turns = yield* Effect.forEach([1, 2, 3, 4], () =>
          publishing.publish({ topic: "t", events: [event("a"), event("b")] })
        )
        assert.strictEqual(new Set(turns.map(({ placed: [one] }) => one!.partition)).size, 4)
        for (const { placed } of turns) assert.deepInclude(placed[0], { count: 2, indexes: undefined })
      }).pipe(as, Effect.provide(given))
  )

  it.effect("TV1 one event that is wrong refuses all of its batch, by its place", () =>
    Effect.gen(function* () {
      const publishing = yield* Publishing
      const topics = yield* Topics
      yield* topics.create({ name: "t", schema: { type: "object" } }, why)
      const wrong: ReadonlyArray<Message> = [
        { ...event("{}"), key: "" },
        { ...event("{}"), headers: new Map([["", "x"]]) },
        event("1"),
        event("no json"),
        { ...event(""), payload: new Uint8Array([255]) },
        { ...event(""), payload: encoder.encode(`{"a":"${"x".repeat(1_048_576)}"}`) }
      ]
      for (const one of wrong) {
        const events = [...Array.from({ length: 700 }, () => event("{}")), one]
        const error = yield* Effect.flip(publishing.publish({ topic: "t", events }))
        assert.deepInclude([error.name, error.details?.["index"]], "InvalidEvent")
        assert.strictEqual(error.details?.["index"], 700)
      }
      const many = Array.from({ length: BATCH_EVENTS + 1 }, () => event("{}"))
      assert.strictEqual((yield* Effect.flip(publishing.publish({ topic: "t", events: many }))).name, "InvalidInput")
      const large = Array.from({ length: 5 }, () => event(`{"a":"${"x".repeat(1_000_000)}"}`))
      assert.strictEqual((yield* Effect.flip(publishing.publish({ topic: "t", events: large }))).name, "TooLarge")
      assert.strictEqual((yield* topics.stats("t")).partitions[0]?.next, 0)
    }).pipe(as, Effect.provide(given))
  )

  it.effect("TV3 the answer says of each event whether it is there; that something is unknown is never lost", () =>
    Effect.gen(function* () {
      const publishing = yield* Publishing
      yield* (yield* Topics).create({ name: "t", partitions: 4 }, why)
      const events = keys.map((key) => event(key, key))
      const { placed, failed } = yield* publishing.publish({ topic: "t", events })
      const said = [...placed, ...failed].flatMap(({ indexes }) => indexes ?? [])
      assert.deepStrictEqual(
        said.toSorted((a, b) => a - b),
        keys.map((_, n) => n)
      )
      assert.deepStrictEqual(
        failed.map(({ partition, error }) => [partition, error.name]),
        [[2, "OutcomeUnknown"]]
      )
      const alone = yield* Effect.flip(publishing.publish({ topic: "t", events: [event("x")], partition: 2 }))
      assert.strictEqual(alone.name, "OutcomeUnknown")
    }).pipe(as, Effect.provide(on(2, "OutcomeUnknown")))
  )

  it.effect("TV4 bytes under way are bounded, and given back whatever becomes of them", () =>
    Effect.gen(function* () {
      const publishing = yield* Publishing
      yield* (yield* Topics).create({ name: "t" }, why)
      const events = Array.from({ length: 4 }, () => event("x".repeat(1_000_000)))
      const publish = publishing.publish({ topic: "t", events })
      const turn = { mine: Effect.never, roomed: () => {}, begun: () => {} }
      const held = yield* Effect.forEach(Array.from({ length: 12 }), () =>
        Effect.forkChild(publishing.publish({ topic: "t", events, turn }), { startImmediately: true })
      )
      yield* settled
      const full = yield* Effect.flip(publish)
      assert.strictEqual(full.name, "PublishingBusy")
      assert.isAbove(Number(full.details?.["retryAfterMillis"]), 0)
      for (const fiber of held) fiber.interruptUnsafe()
      yield* settled
      assert.isTrue(Result.isSuccess(yield* Effect.result(publish)))
    }).pipe(as, Effect.provide(given))
  )

  it.effect("TV5 a producer's batch is of one partition, and is there once", () =>
    Effect.gen(function* () {
      const publishing = yield* Publishing
      yield* (yield* Topics).create({ name: "t", partitions: 4 }, why)
      const { epoch, partitions } = yield* publishing.open("t", "p")
      assert.strictEqual(partitions, 4)
      const producing = { producer: "p", epoch, sequence: 1 }
      const events = keys.map((key) => event(key, key))
      assert.strictEqual(
        (yield* Effect.flip(publishing.publish({ topic: "t", events, producing }))).name,
        "InvalidInput"
      )
      const first = yield* publishing.publish({ topic: "t", events, producing, partition: 1 })
      const again = yield* publishing.publish({ topic: "t", events, producing, partition: 1 })
      assert.deepStrictEqual(
        again.placed.map(({ offset, count, duplicate }) => [offset, count, duplicate]),
        [[first.placed[0]?.offset, 40, true]]
      )
      const gap = yield* Effect.flip(
        publishing.publish({ topic: "t", events, producing: { ...producing, sequence: 42 }, partition: 1 })
      )
      assert.deepStrictEqual([gap.name, gap.details?.["expected"]], ["SequenceGap", 41])
      yield* publishing.open("t", "p")
      const fenced = yield* Effect.flip(publishing.publish({ topic: "t", events, producing, partition: 1 }))
      assert.strictEqual(fenced.name, "ProducerFenced")
    }).pipe(as, Effect.provide(given))
  )

  it.effect("TZ1 TZ2 a topic that was deleted or disabled takes nothing, and its name may be another's", () =>
    Effect.gen(function* () {
      const publishing = yield* Publishing
      const topics = yield* Topics
      const publish = publishing.publish({ topic: "t", events: [event("x")] })
      assert.strictEqual((yield* Effect.flip(publish)).name, "NoSuchTopic")
      yield* topics.create({ name: "t" }, why)
      yield* publish
      yield* topics.update("t", { enabled: false }, why)
      assert.strictEqual((yield* Effect.flip(publish)).name, "TopicDisabled")
      yield* topics.remove("t", why)
      assert.strictEqual((yield* Effect.flip(publish)).name, "NoSuchTopic")
      yield* topics.create({ name: "t" }, why)
      yield* publish
      assert.strictEqual((yield* topics.stats("t")).partitions[0]?.next, 1)
      assert.strictEqual((yield* Logs).of("kafka"), undefined)
    }).pipe(as, Effect.provide(given))
  )
})
