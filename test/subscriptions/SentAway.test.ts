/** A subscription that somebody stopped: who is there is sent away, nobody comes, and all of it stays as it was. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { GRACE } from "../../src/subscriptions/Absent.ts"
import { Serving } from "../../src/subscriptions/Serving.ts"
import { defaults, type Subscription, type SubscriptionStatus } from "../../src/subscriptions/Subscription.ts"
import { SubscriptionStore } from "../../src/subscriptions/SubscriptionStore.ts"
import { City, seconds } from "./City.ts"
import { many } from "./Town.ts"

const change = (city: City, its: Subscription, status: SubscriptionStatus) =>
  Effect.flatMap(SubscriptionStore, (store) => store.change(its, { status, reason: "", pausedMillis: null })).pipe(
    Effect.provide(city.stores)
  )

const it7: Subscription = {
  ...{ ...defaults, id: "7", topicId: 7, topicName: "t", subscriptionName: "s", type: "shared", slices: 1, epoch: 1 },
  ...{ version: 1, status: "active", reason: "", pausedUntil: null, createdAt: 0, createdBy: "ann", lastActivity: 1 },
  startPosition: { at: "earliest" }
}
const standing = (subscription: Subscription) => ({ subscription, now: 0, stamp: "", nodes: [], shares: [] })

describe("a subscription that is stopped", () => {
  for (const type of ["shared", "key_shared", "failover", "exclusive"] as const)
    it.effect(`SO6 ${type}: who is there is sent away, whoever comes is refused, and after a resume all goes on`, () =>
      Effect.gen(function* () {
        const city = new City()
        const made = yield* city.make("t", type, "postgres", { maxAttempts: 2 })
        city.postgres.append(0, many(4))
        const [a, b] = [yield* city.node("a"), yield* city.node("b")]
        const one = yield* a.join("t", "one", "nothing")
        yield* seconds(2)
        assert.strictEqual(one.guest.texts.length, 4)
        const stopped = yield* change(city, made, "stopped")
        assert.strictEqual(stopped?.status, "stopped")
        yield* seconds(2)
        const last = one.guest.outputs.slice(-2)
        assert.deepStrictEqual(last, [
          { is: "state", status: "stopped", blocked: "", reason: "" },
          { is: "ended", why: "stopped" }
        ])
        for (const node of [a, b])
          assert.strictEqual((yield* Effect.flip(node.join("t", "two"))).name, "SubscriptionStopped")
        yield* one.leave
        yield* seconds(2)
        assert.deepStrictEqual(yield* city.holders(made.id), [""], "nobody has it")
        city.postgres.append(0, many(1, 4))
        yield* change(city, made, "active")
        const { guest } = yield* b.join("t", "two")
        yield* seconds(3)
        assert.sameMembers(guest.texts, ["e0", "e1", "e2", "e3", "e4"])
        const attempts = guest.outputs.flatMap((its) => (its.is === "delivery" ? its.events : []))
        assert.deepStrictEqual(new Set(attempts.map(({ attempt }) => attempt)), new Set([1]), "it was no attempt")
      })
    )

  it.effect("SO7 who comes with the resume stays, on a node that has not heard of it", () =>
    Effect.gen(function* () {
      const city = new City()
      const made = yield* city.make("t", "shared")
      const node = yield* city.node("a")
      const one = yield* node.join("t", "one")
      yield* seconds(2)
      yield* change(city, made, "stopped")
      yield* seconds(2)
      assert.isTrue(one.guest.is("ended"))
      yield* change(city, made, "active")
      const { guest } = yield* node.join("t", "two")
      city.postgres.append(0, many(2))
      yield* seconds(5)
      assert.isFalse(guest.is("ended"))
      assert.sameMembers(guest.texts, ["e0", "e1"])
      assert.isFalse(guest.outputs.some((its) => its.is === "state" && its.status === "stopped"))
    })
  )

  it("SO7 SO6 nothing that was read before a consumer came sends it away, and one that is away is not waited for in vain", () => {
    const serving = new Serving(it7, 0, () => {})
    const stopped: Subscription = { ...it7, status: "stopped", lastActivity: 2 }
    const first = serving.join("a", "a/1", 0, 5)!
    serving.leave("a/1", 0, true)
    assert.strictEqual(serving.absent.size, 1)
    const second = serving.join("b", "a/2", 0)!
    serving.stand(standing(stopped), "a", 1)
    assert.deepStrictEqual([first.isEnded, second.isEnded, serving.seats.size], [false, true, 0])
    serving.poll(GRACE + 1)
    assert.strictEqual(serving.absent.size, 0)
    serving.heard({ ...it7, lastActivity: 3 })
    const third = serving.join("b", "a/3", 0)!
    assert.strictEqual(serving.machine.status, "active")
    serving.stand(standing(stopped), "a", 2)
    assert.deepStrictEqual([third.isEnded, serving.machine.status], [false, "active"])
    serving.stand(standing({ ...stopped, lastActivity: 4 }), "a", 3)
    assert.isTrue(third.isEnded)
  })

  it("SO6 SM6 that its node found it in error, and could not say so before, keeps nobody there", () => {
    const serving = new Serving(it7, 0, () => {})
    const seat = serving.join("a", "a/1", 0)!
    Object.assign(serving.machine, { status: "error", reason: "it failed" })
    serving.stand(standing(it7), "a", 1)
    assert.deepStrictEqual([seat.isEnded, serving.machine.status], [false, "error"])
    serving.stand(standing({ ...it7, status: "stopped", lastActivity: 2 }), "a", 2)
    assert.deepStrictEqual([seat.isEnded, serving.machine.status, serving.machine.reason], [true, "stopped", ""])
  })
})
