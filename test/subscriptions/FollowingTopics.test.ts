import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { failure } from "../../src/errors/HeraldError.ts"
import type { CursorStore } from "../../src/subscriptions/CursorStore.ts"
import { type FollowingOptions, makeFollowing } from "../../src/subscriptions/Following.ts"
import type { Log, Unknown } from "../../src/topics/TopicLog.ts"

const LASTS = 5_000
const servingOf = (id: string, topicId: number, partitions = 1) => ({
  ...{ subscription: { id, topicId, type: "shared" }, seats: new Map([["a", 1]]), held: new Map(), partitions },
  ...{ hands: { stamp: "" }, ends: new Map(), bounded: () => {}, claimed: () => {} }
})
/** Three subscriptions, each on a topic of its own. */
const stage = (sick: Set<number>, partitions = 1) => {
  const claims: Array<string> = []
  const clock = { now: 0 }
  const servings = [1, 2, 3].map((n) => servingOf(`${n}`, n, n === 2 ? partitions : 1))
  const bounds = (topics: ReadonlyArray<number>, unknown?: Unknown) =>
    Effect.sync(() => {
      for (const topic of topics) if (sick.has(topic)) unknown!(topic, failure("KafkaTopicExists", "it is another's"))
      return topics
        .filter((topic) => !sick.has(topic))
        .map((topic) => ({ topic, partition: 0, epoch: 1, first: 0, next: 1 }))
    })
  const store = {
    claim: (_: string, shares: ReadonlyArray<{ readonly id: string }>) =>
      Effect.sync(() => {
        claims.push(shares.map(({ id }) => id).join())
        return []
      })
  } as unknown as CursorStore["Service"]
  const made = makeFollowing({
    ...{ run: "r", lasts: LASTS, now: () => clock.now, isServed: () => true, wake: () => {}, news: () => {}, store },
    log: { bounds } as unknown as Log,
    definitions: { extend: () => failure("NoSuchSubscription", "it was deleted") },
    ...{ fetching: { grown: () => {} }, servings: () => servings }
  } as unknown as FollowingOptions)
  return { made, clock, claims }
}
const wanted = new Map(["1", "2", "3"].map((id) => [id, [0]]))

describe("what is followed of a log", () => {
  it.effect("LQ4 LZ2 a topic of which nothing can be known holds up no other, and is the only one that is behind", () =>
    Effect.gen(function* () {
      const sick = new Set([2])
      const { made, clock, claims } = stage(sick)
      const { want, follow, isBehind } = yield* made
      want(wanted)
      for (let turn = 0; turn < 7; turn++) {
        assert.strictEqual((yield* Effect.flip(follow)).name, "KafkaTopicExists") // told each time
        clock.now += 1_000
      }
      assert.deepStrictEqual(claims, Array(7).fill("1,3"))
      assert.deepStrictEqual([1, 2, 3].map(isBehind), [false, true, false])
      sick.clear()
      yield* follow
      assert.strictEqual(claims.at(-1), "1,2,3")
      assert.isFalse(isBehind(2))
    })
  )

  it.effect("LQ4 a subscription that can't be given its partitions holds up no other", () =>
    Effect.gen(function* () {
      const { made, claims } = stage(new Set(), 0)
      const { want, follow } = yield* made
      want(wanted)
      assert.strictEqual((yield* Effect.flip(follow)).name, "NoSuchSubscription")
      assert.deepStrictEqual(claims, ["1,2,3"])
    })
  )
})
