/** When a node says that it can't follow a log, and what it makes of a claim that found nothing. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { failure } from "../../src/errors/HeraldError.ts"
import type { Claimed } from "../../src/subscriptions/CursorStore.ts"
import { type FollowingOptions, makeFollowing } from "../../src/subscriptions/Following.ts"
import { Host } from "./Host.ts"

const LASTS = 5_000

const followed = Effect.fnUntraced(function* () {
  const [host, other] = ["1", "2"].map((id) => new Host("shared", { id, slices: 2 })) as [Host, Host]
  for (const one of [host, other]) one.join("a")
  const its = { now: 0, isSick: false, claims: 0, has: [] as Array<number>, asked: [] as Array<string> }
  const bounds = [{ topic: 1, partition: 0, epoch: 1, first: 0, next: 1 }]
  const following = yield* makeFollowing({
    ...{ run: "r", lasts: LASTS, now: () => its.now, isServed: () => true, wake: () => {}, news: () => {} },
    log: { bounds: () => (its.isSick ? failure("Timeout", "no answer") : Effect.succeed(bounds)) },
    ...{ definitions: {}, fetching: { grown: () => {} }, servings: () => [host.serving, other.serving] },
    store: {
      claim: (_: string, shares: ReadonlyArray<{ readonly id: string; readonly share: number }>) =>
        Effect.sync(() => {
          its.claims++
          its.asked.push(...shares.map(({ id, share }) => `${id}/${share}`))
          its.now += LASTS + 1
          assert.isFalse(following.isBehind(host.serving.subscription.topicId))
          return shares.flatMap(
            ({ id, share }): Array<Claimed> =>
              its.has.includes(share) ? [{ id, share, epoch: 1, token: 1n, cursors: [] }] : []
          )
        })
    }
  } as unknown as FollowingOptions)
  return { ...{ host, its, following }, follow: Effect.exit(following.follow) }
})

describe("Following", () => {
  it.effect("LQ3 who takes long to claim is not behind; who asked and has no answer is", () =>
    Effect.gen(function* () {
      const { host, its, following, follow } = yield* followed()
      following.want(new Map([["1", Array.from({ length: 600 }, (_, share) => share)]]))
      yield* follow
      assert.strictEqual(its.claims, 2)
      its.now += 10 * LASTS
      assert.isFalse(following.isBehind(host.serving.subscription.topicId), "it did not ask")
      its.isSick = true
      yield* follow
      its.now += LASTS
      yield* follow
      assert.isFalse(following.isBehind(host.serving.subscription.topicId))
      its.now++
      assert.isTrue(following.isBehind(host.serving.subscription.topicId))
      its.isSick = false
      following.want(new Map())
      yield* follow
      assert.isFalse(following.isBehind(host.serving.subscription.topicId))
    })
  )

  it.effect("LQ1 who wants little waits for no one who wants much, and the log is asked again in between", () =>
    Effect.gen(function* () {
      const { its, following, follow } = yield* followed()
      const many = Array.from({ length: 10_000 }, (_, share) => share)
      its.has = many
      following.want(
        new Map([
          ["1", many],
          ["2", [7]]
        ])
      )
      yield* following.soon
      yield* follow
      assert.deepStrictEqual([its.claims, its.asked[0]], [8, "2/7"])
      yield* following.soon // there is more
      yield* follow
      yield* following.soon
      yield* follow
      assert.lengthOf(its.asked, 10_001)
      assert.strictEqual(new Set(its.asked).size, 10_001)
    })
  )

  it.effect("LQ3 SN5 what was wanted and could not be had is told again", () =>
    Effect.gen(function* () {
      const { host, its, following, follow } = yield* followed()
      its.has = [0, 1]
      host.serving.hands.stamp = "s"
      following.want(new Map([["1", [0]]]))
      yield* follow
      assert.strictEqual(host.serving.hands.stamp, "s")
      following.want(new Map([["1", [1]]]))
      its.has = []
      yield* follow
      assert.strictEqual(host.serving.hands.stamp, "")
    })
  )
})
