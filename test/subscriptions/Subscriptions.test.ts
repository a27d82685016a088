import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { CurrentIdentity, type Identity } from "../../src/access/Identity.ts"
import { defaults, type StartPosition } from "../../src/subscriptions/Subscription.ts"
import { SubscriptionStore } from "../../src/subscriptions/SubscriptionStore.ts"
import { Subscriptions } from "../../src/subscriptions/Subscriptions.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import { many, Town } from "./Town.ts"

const identity: Identity = { name: "someone", keyId: "k", role: "admin", environments: ["*"] }
const topic = { id: 7, name: "t", partitions: 2 }

const world = (who: Identity = identity) => {
  const town = new Town(2)
  town.log.append(0, many(5))
  town.log.trim(0, 2)
  const topics = Layer.mock(TopicStore, { get: (name) => Effect.succeed(name === "t" ? (topic as never) : undefined) })
  const stores = Layer.mergeAll(town.stores, town.log.layer, topics, Layer.succeed(CurrentIdentity, who))
  return Layer.provideMerge(Subscriptions.layer, stores)
}

const wish = (subscriptionName: string, startPosition: StartPosition) => ({
  ...{ ...defaults, topicName: "t", subscriptionName, type: "failover" as const, startPosition }
})

describe("Subscriptions", () => {
  it.effect("SJ1 SI1 where it starts is fixed when it is created", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const store = yield* SubscriptionStore
      const starts: ReadonlyArray<readonly [StartPosition, ReadonlyArray<number>]> = [
        [{ at: "earliest" }, [2, 0]],
        [{ at: "latest" }, [5, 0]],
        [{ at: "offsets", offsets: { 0: 1 } }, [2, 0]],
        [{ at: "offsets", offsets: { 0: 4 } }, [4, 0]],
        [{ at: "time", millis: 1 }, [5, 0]]
      ]
      for (const [n, [start, floors]] of starts.entries()) {
        const { id } = yield* subscriptions.create(wish(`s${n}`, start))
        assert.deepStrictEqual(
          (yield* store.progress(id)).map(({ floor }) => floor),
          floors,
          JSON.stringify(start)
        )
      }
      const sought = yield* subscriptions.seek("t", "s0", { at: "latest" })
      assert.strictEqual(sought.epoch, 2)
      assert.deepStrictEqual(
        (yield* store.progress(sought.id)).map(({ floor }) => floor),
        [5, 0]
      )
      assert.strictEqual((yield* subscriptions.pause("t", "s0", 1_000)).status, "paused")
      assert.strictEqual((yield* subscriptions.resume("t", "s0")).status, "active")
      yield* subscriptions.remove("t", "s0")
      const codeOf = (work: Effect.Effect<unknown, { readonly code: string }>) =>
        Effect.map(Effect.flip(work), ({ code }) => code)
      const missing = yield* codeOf(subscriptions.get("t", "s0"))
      assert.strictEqual(
        yield* codeOf(subscriptions.create({ ...wish("x", { at: "latest" }), topicName: "none" })),
        missing
      )
      const invalid = yield* codeOf(subscriptions.create({ ...wish("x", { at: "latest" }), maxAttempts: 0 }))
      assert.strictEqual(yield* codeOf(subscriptions.seek("t", "s1", { at: "offsets", offsets: { 9: 1 } })), invalid)
      assert.strictEqual(yield* codeOf(subscriptions.pause("t", "s1", 0)), invalid)
    }).pipe(Effect.provide(world()))
  )

  it.effect("KX1 who may not use the topic, or not publish to that of its dead letters, is refused", () =>
    Effect.gen(function* () {
      const subscriptions = yield* Subscriptions
      const refused = yield* Effect.flip(subscriptions.get("t", "s"))
      assert.strictEqual(refused.row.http, 403)
      const dead = { ...wish("s", { at: "latest" }), topicName: "mine", deadLetterTopic: "t" }
      assert.strictEqual((yield* Effect.flip(subscriptions.create(dead))).row.http, 403)
    }).pipe(Effect.provide(world({ ...identity, topics: ["mine"] })))
  )
})
