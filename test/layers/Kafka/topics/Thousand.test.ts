/** What a thousand topics cost, at brokers that count what they are asked. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { boundsOf } from "../../../../layers/Kafka/topics/AllBounds.ts"
import { Brokers } from "../../../../layers/Kafka/topics/Brokers.ts"
import { Partitions } from "../../../../layers/Kafka/topics/Partitions.ts"
import { failure, type HeraldError } from "../../../../src/errors/HeraldError.ts"
import { LogState, type LogTopic } from "../../../../src/topics/LogState.ts"
import { FakeKafka } from "../../../support/FakeKafka.ts"

const TOPICS = Array.from({ length: 1_000 }, (_, n) => n + 1)
const idOf = (topic: number) => topic.toString(16).padStart(32, "0")
const rowOf = (topic: number): LogTopic => ({
  ...{ name: `t${topic}`, partitions: 3, compression: "none" },
  ...{ madeAs: idOf(topic), sealKey: "00" }
})
const history = { epoch: 7, begun: [[7, 0] as const], marks: [] }
const nobody = () => Effect.die("nobody asks that here")

const setUp = (topics: ReadonlyArray<number> = TOPICS) => {
  const kafka = new FakeKafka()
  for (const topic of topics) kafka.topics.set(`t${topic}`, { id: idOf(topic), leaders: [1, 2, 3] })
  const its = { now: 0, rows: [] as Array<number>, histories: 0, marked: [] as Array<number>, isAway: false }
  const state = LogState.of({
    topics: (ids) =>
      Effect.sync(() => {
        its.rows.push(ids.length)
        return new Map(ids.map((id) => [id, rowOf(id)]))
      }),
    histories: () =>
      Effect.sync(() => {
        its.histories++
        return new Map([0, 1, 2].map((partition) => [partition, history]))
      }),
    mark: (all) =>
      Effect.suspend(() => {
        if (its.isAway) return failure("DatabaseUnavailable", "away")
        its.marked.push(...all.map(({ topic }) => topic))
        return Effect.void
      }),
    ...{ find: nobody, hold: nobody, settle: nobody, partitionsOf: nobody, begin: nobody }
  })
  const partitions = new Partitions({
    ...{ brokers: new Brokers(kafka.kafka, { now: () => 0 }), state, now: () => its.now }
  })
  const bounds = boundsOf(partitions, () => 0n)
  const all = Effect.gen(function* () {
    const unknown = new Map<number, HeraldError>()
    const found = yield* bounds(TOPICS, (topic, why) => unknown.set(topic, why))
    return { found, unknown }
  })
  /** What it has cost since the last time. */
  const cost = () => {
    const [metadata, offsets] = ["Metadata", "ListOffsets"].map((what) => kafka.count(what))
    kafka.asked.clear()
    return { metadata: metadata!, offsets: offsets!, rows: its.rows.splice(0) }
  }
  return { kafka, its, partitions, all, cost }
}

describe("a thousand topics in Kafka", () => {
  it.effect("KQ4 KQ5 KM3 how far all go, and whose they are, is asked in a few requests a second", () =>
    Effect.gen(function* () {
      const { its, partitions, all, cost } = setUp()
      const first = yield* all
      assert.lengthOf(first.found, 3_000)
      assert.strictEqual(first.unknown.size, 0)
      assert.deepInclude(first.found[0], { topic: 1, partition: 0, epoch: 7, first: 0, next: 0 })
      for (let second = 1; second <= 2; second++) {
        const { metadata, offsets, rows } = cost()
        assert.deepStrictEqual(rows, [1_000])
        assert.strictEqual(metadata[1], 1_000)
        assert.isAtMost(metadata[0], 8) // 4 of 250
        assert.strictEqual(offsets[1], 3 * 2 * 1_000) // first and last, of each leader's
        assert.isAtMost(offsets[0], 30)
        its.now += 1_000
        assert.lengthOf((yield* all).found, 3_000)
      }
      assert.strictEqual(its.histories, 1_000) // once each
      cost()
      // Who uses one of them finds what was looked at; when it is too old, all that are in use are looked at along with it.
      yield* partitions.history({ topic: 5, partition: 0 })
      assert.deepStrictEqual(cost(), { metadata: [0, 0], offsets: [0, 0], rows: [] })
      its.now += 1_000
      yield* Effect.forEach(TOPICS, (topic) => partitions.history({ topic, partition: 1 }), { concurrency: 16 })
      const { metadata, rows } = cost()
      assert.deepStrictEqual(rows, [1_000])
      assert.strictEqual(metadata[1], 1_000)
      assert.isAtMost(metadata[0], 8)
    })
  )

  it.effect(
    "KQ2 TL7 of a thousand, those that are gone, without a leader, refused or another's are told, and no others",
    () =>
      Effect.gen(function* () {
        const { kafka, its, all } = setUp()
        yield* all
        its.now += 1_000
        kafka.topics.delete("t100")
        kafka.topics.set("t200", { id: idOf(200), leaders: [1, -1, 3] })
        kafka.topics.set("t300", { id: idOf(300), leaders: [1, 2, 3], wrong: 29 })
        kafka.topics.set("t400", { id: idOf(999_999), leaders: [1, 2, 3] })
        const { found, unknown } = yield* all
        assert.deepStrictEqual(
          [...unknown.keys()].toSorted((a, b) => a - b),
          [100, 200, 300, 400]
        )
        assert.lengthOf(found, 3 * 996)
      })
  )

  it.effect(
    "KQ4 partitions that others write into are looked at in a few requests, and one topic's failure is nobody else's",
    () =>
      Effect.gen(function* () {
        const { kafka, partitions, all, cost } = setUp()
        yield* all
        cost()
        for (const its of kafka.topics.values()) its.end = 5
        kafka.topics.get("t7")!.wrong = 29
        const { grown, failed } = yield* partitions.look(60_000)
        assert.lengthOf(grown, 3 * 999)
        assert.strictEqual(failed?.name, "TopicLogUnavailable")
        assert.isAtMost(cost().offsets[0], 30)
      })
  )

  it.effect("KH2 KM3 one that can't be marked, is gone or another's keeps no other from its mark, and is told", () =>
    Effect.gen(function* () {
      const topics = TOPICS.slice(0, 30)
      const { kafka, its, partitions } = setUp(topics)
      yield* Effect.forEach(topics, (topic) => partitions.history({ topic, partition: 0 }))
      for (const one of kafka.topics.values()) one.end = 5
      yield* partitions.look(60_000)
      its.now += 6_000
      kafka.topics.get("t1")!.leaders = [-1, 2, 3]
      kafka.topics.get("t2")!.id = idOf(999)
      kafka.topics.delete("t3")
      assert.strictEqual((yield* Effect.flip(partitions.mark)).name, "TopicLogUnavailable")
      assert.deepStrictEqual(
        its.marked.toSorted((a, b) => a - b),
        topics.slice(3)
      )
    })
  )

  it.effect("KH2 marks that could not be written are made again", () =>
    Effect.gen(function* () {
      const topics = TOPICS.slice(0, 3)
      const { kafka, its, partitions } = setUp(topics)
      yield* Effect.forEach(topics, (topic) => partitions.history({ topic, partition: 0 }))
      for (const one of kafka.topics.values()) one.end = 5
      yield* partitions.look(60_000)
      for (const isAway of [true, false, false]) {
        its.now += 6_000
        its.isAway = isAway
        assert.strictEqual((yield* Effect.exit(partitions.mark))._tag, isAway ? "Failure" : "Success")
      }
      assert.deepStrictEqual(its.marked, topics)
    })
  )
})
