import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { boundsOf } from "../../../../layers/Kafka/topics/AllBounds.ts"
import { failure, type HeraldError } from "../../../../src/errors/HeraldError.ts"

const found = (topic: number) => [{ topic, partition: 0, epoch: 1, first: 0, next: 1, bytes: 0 }]
const away = failure("TopicLogUnavailable", "a partition has no leader now")
const from = (first: number, count: number) => Array.from({ length: count }, (_, n) => first + n)
const ascending = (all: Iterable<number>) => [...all].toSorted((a, b) => a - b)

/** Of the topics from 10 on it is not known what they need; 200 and more hang at once, 10 to 39 then, 2 fails at once, 9 then. */
const setUp = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const asked = { ends: [] as Array<number>, bounded: [] as Array<number>, prepared: [] as Array<number> }
  const bounds = boundsOf<number>(
    {
      prepare: (topics) => Effect.sync(() => void asked.prepared.push(topics.length)),
      ends: (topic) =>
        Effect.suspend(() => {
          asked.ends.push(topic)
          return topic === 2 ? Effect.fail(away) : topic >= 200 ? Effect.never : Effect.succeed(topic)
        }),
      known: (topic) => (topic < 9 ? found(topic) : undefined),
      bounded: (topic) =>
        Effect.suspend(() => {
          asked.bounded.push(topic)
          if (topic === 9) return Effect.fail(away)
          return topic < 40 ? Effect.never : Effect.succeed(found(topic))
        })
    },
    () => clock.monotonicTimeNanosUnsafe()
  )
  const look = (topics: ReadonlyArray<number>) =>
    Effect.gen(function* () {
      const unknown = new Map<number, HeraldError>()
      const turn = yield* Effect.forkChild(bounds(topics, (topic, why) => unknown.set(topic, why)))
      yield* TestClock.adjust(1_200)
      yield* TestClock.adjust(400)
      const all = yield* Fiber.join(turn)
      return { known: all.map(({ topic }) => topic), unknown: ascending(unknown.keys()) }
    })
  return { asked, bounds, look }
})

describe("how far topics in Kafka go", () => {
  it.effect("TL7 however many hang or fail, the others are answered; what is known waits for nobody", () =>
    Effect.gen(function* () {
      const { asked, look } = yield* setUp
      const topics = [3, 2, 1, ...from(200, 2_000), 1]
      const { known, unknown } = yield* look(topics)
      assert.deepStrictEqual(known, [1, 3])
      assert.deepStrictEqual(unknown, [2, ...from(200, 2_000)])
      assert.lengthOf(asked.ends, 2_003)
      assert.deepStrictEqual(asked.prepared, [2_003])
      // Who was not answered in time is asked first the next time.
      asked.ends.length = 0
      yield* look([1, 3, 200])
      assert.deepStrictEqual(asked.ends, [200, 1, 3])
    })
  )

  it.effect("TL7 what hangs when it is used for the first time is asked last from then on, and each in its turn", () =>
    Effect.gen(function* () {
      const { asked, look } = yield* setUp
      const topics = [...from(10, 30), 1, 50, 51]
      const first = yield* look(topics) // Eight hang at once: there is no time for 50.
      assert.deepStrictEqual(first.known, [1])
      for (let turn = 0; turn < 3; turn++) yield* look(topics)
      assert.deepStrictEqual((yield* look(topics)).known, [1, 50, 51])
      asked.bounded.length = 0
      for (let turn = 0; turn < 4; turn++) assert.deepStrictEqual((yield* look(topics)).known, [1, 50, 51])
      assert.deepStrictEqual(ascending(new Set(asked.bounded)), [...from(10, 30), 50, 51])
    })
  )

  it.effect("TL7 without who is told, the first failure is that of all", () =>
    Effect.gen(function* () {
      const { bounds } = yield* setUp
      assert.strictEqual((yield* Effect.flip(bounds([1, 2, 3]))).name, "TopicLogUnavailable")
      assert.strictEqual((yield* Effect.flip(bounds([1, 9, 50]))).name, "TopicLogUnavailable")
      assert.lengthOf(yield* bounds([50, 1, 3]), 3)
    })
  )
})
