import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Metric } from "effect"
import type { Described } from "../../../../layers/Kafka/topics/Describing.ts"
import { Names, theirsGauge } from "../../../../layers/Kafka/topics/Names.ts"
import type { LogTopic } from "../../../../src/topics/LogState.ts"

const made = { name: "t", madeAs: "a", sealKey: "00" } as LogTopic

/** Kafka, which answers when it is told to. */
class Brokers {
  id: string | undefined = "a"
  /** What whoever makes topics says. */
  decided: string | undefined = "a"
  asked = 0
  askedTwice = 0
  readonly #waiting: Array<() => void> = []
  readonly #answers = (id: () => string | undefined): Promise<Described | undefined> =>
    new Promise((resolve) => {
      this.#waiting.push(() => {
        const its = id()
        resolve(its === undefined ? undefined : { id: its, partitions: 1, replicas: 1, leaders: new Map([[0, 1]]) })
      })
    })
  look = () => {
    this.asked++
    return this.#answers(() => this.id)
  }
  lookTwice = () => {
    this.askedTwice++
    return this.#answers(() => this.decided)
  }
  answer(): void {
    for (const one of this.#waiting.splice(0)) one()
  }
}

const settled = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

const setUp = () => {
  const brokers = new Brokers()
  const its = { topic: made as LogTopic | undefined, now: 0, changed: 0, rows: 0 }
  const names = new Names({
    brokers,
    state: {
      topics: (ids) =>
        Effect.sync(() => {
          its.rows++
          return new Map(ids.flatMap((id) => (its.topic === undefined ? [] : [[id, its.topic] as const])))
        })
    },
    now: () => its.now,
    changed: () => void its.changed++
  })
  const ask = (times: number) =>
    Effect.gen(function* () {
      const all = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: times }, () => Effect.result(names.ours(7))),
          { concurrency: times }
        ),
        { startImmediately: true }
      )
      for (let turns = 0; turns < 3; turns++) {
        yield* settled
        brokers.answer()
      }
      return (yield* Fiber.join(all)).map((one) => (one._tag === "Failure" ? one.failure.name : one.success?.madeAs))
    })
  const foreign = Effect.map(Metric.value(theirsGauge), ({ value }) => value)
  return { brokers, its, ask, names, foreign }
}

describe("names of topics in Kafka", () => {
  it.live("KM3 however many use a topic, Kafka and the database are asked once a second", () =>
    Effect.gen(function* () {
      const { brokers, its, ask } = setUp()
      assert.lengthOf(yield* ask(256), 256)
      assert.deepStrictEqual([brokers.asked, its.rows], [1, 1])
      its.now = 999
      yield* ask(256)
      assert.deepStrictEqual([brokers.asked, its.rows], [1, 1])
      its.now = 1_000
      yield* ask(256)
      assert.deepStrictEqual([brokers.asked, its.rows], [2, 2])
    })
  )

  it.live("KM3 what Kafka has under the name that Herald did not make is refused, until it is Herald's again", () =>
    Effect.gen(function* () {
      const { brokers, its, ask } = setUp()
      yield* ask(1)
      brokers.id = brokers.decided = "b"
      its.now = 1_000
      assert.deepStrictEqual(yield* ask(3), ["TopicLogUnavailable", "TopicLogUnavailable", "TopicLogUnavailable"])
      its.now = 1_999 // Nobody asks again before a second is over.
      assert.deepStrictEqual(yield* ask(2), ["TopicLogUnavailable", "TopicLogUnavailable"])
      assert.deepStrictEqual([brokers.asked, brokers.askedTwice], [2, 0])
      its.now = 2_000
      assert.deepStrictEqual(yield* ask(3), ["KafkaTopicExists", "KafkaTopicExists", "KafkaTopicExists"])
      assert.deepStrictEqual([brokers.asked, brokers.askedTwice], [2, 1])
      its.topic = { ...made, madeAs: "b" }
      its.now = 3_000
      assert.deepStrictEqual(yield* ask(1), ["b"])
      assert.strictEqual(its.changed, 1)
    })
  )

  it.live("KM3 one broker that has not heard of what Herald made gives nobody's events up", () =>
    Effect.gen(function* () {
      const { brokers, its, ask, foreign } = setUp()
      yield* ask(1)
      const before = yield* foreign
      // Herald has made it anew, and one broker still has the one of before.
      its.topic = { ...made, madeAs: "b" }
      brokers.decided = "b"
      its.now = 1_000
      assert.deepStrictEqual(yield* ask(1), ["TopicLogUnavailable"])
      its.now = 2_000
      assert.deepStrictEqual(yield* ask(1), ["b"])
      assert.strictEqual(yield* foreign, before)
      // The next time it is the first look once more.
      brokers.id = "c"
      its.now = 3_000
      assert.deepStrictEqual(yield* ask(1), ["TopicLogUnavailable"])
    })
  )

  it.live("KM3 where Kafka has none of the name, nothing is believed of what comes to be there", () =>
    Effect.gen(function* () {
      const { brokers, ask } = setUp()
      brokers.id = undefined
      assert.deepStrictEqual(yield* ask(1), ["TopicLogUnavailable"])
    })
  )

  it.live("KM3 one that was deleted in Herald, or is Herald's again, is counted no more, although nobody uses it", () =>
    Effect.gen(function* () {
      const { brokers, its, ask, names, foreign } = setUp()
      const strange = Effect.gen(function* () {
        brokers.id = brokers.decided = "b"
        its.topic = made
        its.now += 10_000
        yield* ask(1)
        its.now += 1_000
        yield* ask(1)
        its.now += 1_000
        assert.strictEqual(yield* foreign, 1)
      })
      const recalled = Effect.gen(function* () {
        const recall = yield* Effect.forkChild(names.recall, { startImmediately: true })
        for (let turns = 0; turns < 3; turns++) {
          yield* settled
          brokers.answer()
        }
        yield* Fiber.join(recall)
        return yield* foreign
      })
      yield* strange
      assert.strictEqual(yield* recalled, 1)
      its.now += 1_000
      its.topic = undefined
      assert.strictEqual(yield* recalled, 0)
      yield* strange
      brokers.id = brokers.decided = "a"
      assert.strictEqual(yield* recalled, 0)
    })
  )
})
