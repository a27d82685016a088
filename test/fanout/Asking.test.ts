import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { failure } from "../../src/errors/HeraldError.ts"
import { makeAsking } from "../../src/fanout/Asking.ts"
import { makeEnds, SLICES } from "../../src/routes/Ends.ts"
import type { Log } from "../../src/topics/TopicLog.ts"

/** Of topics with a partition each: of those in `sick` nothing can be known. */
const logOf = (sick: Set<number>, next: () => number = () => 1) => {
  const bounds: Log["bounds"] = (topics, unknown) =>
    Effect.sync(() => {
      for (const topic of topics)
        if (sick.has(topic)) unknown?.(topic, failure("KafkaTopicExists", `${topic} is another's`))
      const known = topics.filter((topic) => topic < 100 && !sick.has(topic))
      return known.map((topic) => ({ topic, partition: 0, epoch: 1, first: 0, next: next(), bytes: 0 }))
    })
  return { bounds } as Log
}

describe("who asks a log for several", () => {
  it.effect(
    "TL7 BX38 who begins to read in the same round as somebody of a topic that can't be known is answered nevertheless",
    () =>
      Effect.gen(function* () {
        const { bounds } = yield* makeAsking(logOf(new Set([2])))
        const answers = yield* Effect.forEach([9, 1, 2, 3, 100], (topic) => Effect.result(bounds(topic)), {
          concurrency: "unbounded"
        })
        const said = answers.map((one) =>
          one._tag === "Failure" ? one.failure.name : one.success.map(({ topic }) => topic)
        )
        assert.deepStrictEqual(said, [[9], [1], "KafkaTopicExists", [3], []])
      })
  )

  it.effect("TL7 ZK3 routing goes on from the other topics, and keeps what it knew of that one", () =>
    Effect.gen(function* () {
      const sick = new Set<number>()
      let [now, next] = [0, 1]
      const all = [1, 2, 3]
      const ends = makeEnds({ log: logOf(sick, () => next), topics: () => all, now: () => now })
      const look = Effect.gen(function* () {
        const slices = yield* Effect.forEach(
          Array.from({ length: SLICES }, (_, n) => n),
          (n) => ends(n, now)
        )
        return slices
          .flat()
          .map((one) => [one.topic, one.next])
          .toSorted(([a], [b]) => a! - b!)
      })
      assert.deepStrictEqual(yield* look, [
        [1, 1],
        [2, 1],
        [3, 1]
      ])
      sick.add(2)
      ;[now, next] = [1, 5]
      assert.deepStrictEqual(yield* look, [
        [1, 5],
        [2, 1],
        [3, 5]
      ])
      sick.clear()
      now = 2
      assert.deepStrictEqual(yield* look, [
        [1, 5],
        [2, 5],
        [3, 5]
      ])
    })
  )
})
