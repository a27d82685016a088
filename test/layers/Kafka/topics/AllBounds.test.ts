import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { boundsOf } from "../../../../layers/Kafka/topics/AllBounds.ts"
import { failure, type HeraldError } from "../../../../src/errors/HeraldError.ts"

const found = (topic: number) => [{ topic, partition: 0, epoch: 1, first: 0, next: 1, bytes: 0 }]
const away = failure("TopicLogUnavailable", "a partition has no leader now")

describe("how far topics in Kafka go", () => {
  it.effect(
    "TL7 one that fails and many that hang are told, and the others answered; without who is told, the first failure is that of all",
    () =>
      Effect.gen(function* () {
        const clock = yield* Clock.Clock
        const asked: Array<number> = []
        const one = (topic: number) =>
          Effect.suspend(() => {
            asked.push(topic)
            if (topic === 2) return Effect.fail(away)
            return topic >= 10 && topic < 40 ? Effect.never : Effect.succeed(found(topic))
          })
        const bounds = boundsOf(one, () => clock.monotonicTimeNanosUnsafe())
        const topics = [3, 2, 1, ...Array.from({ length: 30 }, (_, n) => 10 + n), 50, 1]
        assert.strictEqual((yield* Effect.flip(bounds([1, 2, 3]))).name, "TopicLogUnavailable")
        const look = Effect.gen(function* () {
          const unknown = new Map<number, HeraldError>()
          const turn = yield* Effect.forkChild(bounds(topics, (topic, why) => unknown.set(topic, why)))
          yield* TestClock.adjust(1_500)
          const all = yield* Fiber.join(turn)
          return { known: all.map(({ topic }) => topic), unknown: [...unknown.keys()].toSorted((a, b) => a - b) }
        })
        const first = yield* look // eight hang at once: there is no time for 50
        assert.deepStrictEqual(first.known, [1, 3])
        assert.deepStrictEqual(first.unknown, [2, ...topics.filter((topic) => topic >= 10).toSorted((a, b) => a - b)])
        for (let turn = 0; turn < 5; turn++) {
          const next = yield* look
          if (turn === 4) assert.deepStrictEqual(next.known, [1, 3, 50])
        }
        // What hung or failed is asked last, and keeps the others from nothing.
        asked.length = 0
        assert.deepStrictEqual((yield* look).known, [1, 3, 50])
        assert.deepStrictEqual(asked.slice(0, 3), [1, 3, 50])
      })
  )
})
