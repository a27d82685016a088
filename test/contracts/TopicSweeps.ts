/** How what topics keep no longer ends, in every store. Run by Memory.test.ts and TopicSweep.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { Leases } from "../../src/leases/Leases.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import type { TopicStore } from "../../src/topics/TopicStore.ts"
import { TopicSweep } from "../../src/topics/TopicSweep.ts"
import { fresh } from "../support/fresh.ts"
import { events, newTopic, readAll, startOf, textsOf } from "../support/Topics.ts"

type Services = Leases | TopicLog | TopicStore | TopicSweep
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

/** Until there is nothing more. */
export const sweepAll = Effect.gen(function* () {
  const { claim } = yield* Leases
  const { step } = yield* TopicSweep
  const lease = (yield* claim(fresh("sweep"), "run", 60_000))!
  const total = { partitions: 0, topics: 0, producers: 0 }
  for (;;) {
    const swept = (yield* step(lease, 60_000))!
    total.partitions += swept.partitions
    total.topics += swept.topics
    total.producers += swept.producers
    if (!swept.more) return total
  }
})

export const topicSweepsContract = (test: Test) => {
  test("TW1 a topic that is larger than it may be loses what is oldest, and no more than that", () =>
    Effect.gen(function* () {
      const { append, bounds } = yield* TopicLog
      const { id } = yield* newTopic({ partitions: 2, compression: "none", retention: { millis: null, bytes: 5_000 } })
      const kept = yield* newTopic({ compression: "none", retention: { millis: 86_400_000, bytes: null } })
      for (let n = 0; n < 10; n++)
        for (const topic of [id, kept.id])
          yield* append({
            topic,
            partition: 0,
            events: events(`${n}`.padEnd(990, "x")),
            compression: "none",
            producing: undefined
          })
      assert.strictEqual((yield* sweepAll).partitions, 1)
      const [large, empty] = yield* bounds([id])
      assert.isAtMost(large!.bytes, 5_000)
      assert.deepStrictEqual([large!.first, large!.next, empty!.next], [5, 10, 0])
      const texts = textsOf(
        (yield* readAll({ topic: id, partition: 0 }, { ...(yield* startOf(id)), offset: 0 })).pieces
      )
      assert.deepStrictEqual([texts[0], texts.length], ["retention 0-5", 6])
      assert.deepInclude((yield* bounds([kept.id]))[0], { first: 0, next: 10 })
      assert.strictEqual((yield* sweepAll).partitions, 0)
    }))

  test("TW1 only the holder of the lease ends anything", () =>
    Effect.gen(function* () {
      const { claim, release } = yield* Leases
      const { step, makeAhead, drop } = yield* TopicSweep
      const lease = (yield* claim(fresh("sweep"), "run", 60_000))!
      yield* release(lease)
      assert.isUndefined(yield* step(lease, 60_000))
      assert.isAtLeast(yield* makeAhead, 2)
      assert.deepStrictEqual(yield* drop, { dropped: 0, left: 0 })
    }))
}
