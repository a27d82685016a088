import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Names } from "../../../../layers/Kafka/topics/Names.ts"
import type { LogTopic } from "../../../../src/topics/LogState.ts"

const made = { name: "t", madeAs: "a", sealKey: "00" } as LogTopic

/** Kafka, which answers when it is told to. */
class Brokers {
  id: string | undefined = "a"
  asked = 0
  readonly #waiting: Array<() => void> = []
  askAny = (): Promise<never> =>
    new Promise((resolve) => {
      this.asked++
      this.#waiting.push(() => resolve((this.id === undefined ? undefined : { id: this.id }) as never))
    })
  answer(): void {
    for (const one of this.#waiting.splice(0)) one()
  }
}

const settled = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

const setUp = () => {
  const brokers = new Brokers()
  const its = { topic: made as LogTopic | undefined, now: 0, changed: 0 }
  const names = new Names({
    brokers,
    state: { topic: () => Effect.sync(() => its.topic) },
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
      yield* settled
      brokers.answer()
      return yield* Fiber.join(all)
    })
  return { brokers, its, ask }
}

describe("names of topics in Kafka", () => {
  it.live("KM3 however many use a topic, Kafka is asked once a second", () =>
    Effect.gen(function* () {
      const { brokers, its, ask } = setUp()
      assert.lengthOf(yield* ask(256), 256)
      assert.strictEqual(brokers.asked, 1)
      its.now = 999
      yield* ask(256)
      assert.strictEqual(brokers.asked, 1)
      its.now = 1_000
      yield* ask(256)
      assert.strictEqual(brokers.asked, 2)
    })
  )

  it.live("KM3 what Kafka has under the name that Herald did not make is refused, until it is Herald's again", () =>
    Effect.gen(function* () {
      const { brokers, its, ask } = setUp()
      yield* ask(1)
      brokers.id = "b"
      its.now = 1_000
      const refused = yield* ask(3)
      assert.deepStrictEqual(
        refused.map((one) => (one._tag === "Failure" ? one.failure.name : "told")),
        ["KafkaTopicExists", "KafkaTopicExists", "KafkaTopicExists"]
      )
      its.topic = { ...made, madeAs: "b" }
      its.now = 2_000
      assert.deepStrictEqual(
        (yield* ask(1)).map((one) => one._tag),
        ["Success"]
      )
      assert.strictEqual(its.changed, 1)
    })
  )
})
