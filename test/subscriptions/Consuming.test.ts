/** Nodes that serve subscriptions together, on memory twins. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Fetching } from "../../src/subscriptions/Fetching.ts"
import { quotasOf } from "../../src/subscriptions/Quotas.ts"
import { beginAt } from "../../src/subscriptions/SavedCursor.ts"
import type { Output } from "../../src/subscriptions/Seat.ts"
import { Serving } from "../../src/subscriptions/Serving.ts"
import { SubscriptionStore } from "../../src/subscriptions/SubscriptionStore.ts"
import { keyHash, messageOf } from "../../src/topics/Message.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { subscriptionOf } from "./Defined.ts"
import { FakeLog } from "./FakeLog.ts"
import { many, named, Town, until } from "./Town.ts"

describe("Consuming", () => {
  it.live("SO1 SQ2 what is published is consumed once, answers are durable, and the next node goes on from there", () =>
    Effect.gen(function* () {
      const town = new Town(2)
      yield* town.make("key_shared")
      town.log.append(0, many(50))
      town.log.append(1, many(50, 50))
      const a = yield* town.node("a")
      const { guest } = yield* a.join("one")
      yield* until("all came", () => guest.texts.length === 100)
      town.log.append(1, many(10, 100))
      yield* until("the rest came", () => guest.texts.length === 110)
      assert.deepStrictEqual([...guest.texts].sort(), [...named(110)].sort())
      const receipts = () => guest.outputs.filter(({ is }) => is === "durable").length
      yield* until("all is durable", () => receipts() === guest.outputs.filter(({ is }) => is === "delivery").length)
      yield* a.end
      town.log.append(0, many(5, 110))
      const b = yield* town.node("b")
      const next = (yield* b.join("one")).guest
      yield* until("what is new came", () => next.texts.length >= 5)
      assert.deepStrictEqual([...next.texts].sort(), ["e110", "e111", "e112", "e113", "e114"])
    })
  )

  it.live("SO1 SO2 two nodes share a subscription, and one has all when the other leaves", () =>
    Effect.gen(function* () {
      const town = new Town()
      yield* town.make("shared")
      const [a, b] = [yield* town.node("a"), yield* town.node("b")]
      const one = yield* a.join("one")
      const two = yield* b.join("two")
      let sent = 0
      const publish = (count: number) => {
        town.log.append(0, many(count, sent))
        sent += count
      }
      const all = () => [...one.guest.texts, ...two.guest.texts]
      yield* until("both get some", () => {
        publish(16)
        return one.guest.texts.length > 0 && two.guest.texts.length > 0
      })
      yield* until("all came", () => all().length === sent)
      yield* two.leave
      const had = two.guest.texts.length
      publish(64)
      yield* until("one has the rest", () => all().length === sent)
      assert.strictEqual(two.guest.texts.length, had)
      assert.deepStrictEqual(all().sort(), named(sent).sort())
    })
  )

  it.live("CY3 an exclusive subscription has one consumer over all nodes", () =>
    Effect.gen(function* () {
      const town = new Town()
      yield* town.make("exclusive")
      const [a, b] = [yield* town.node("a"), yield* town.node("b")]
      const one = yield* a.join("one")
      const error = yield* Effect.flip(b.join("two"))
      assert.strictEqual(error.code, "HRLD-2082")
      yield* one.leave
      yield* Effect.eventually(b.join("two"))
    })
  )

  it.live("DP3 SN3 what is rejected is a dead letter, with its key", () =>
    Effect.gen(function* () {
      const town = new Town()
      const { id } = yield* town.make("shared", { deadLetterTopic: "dead" })
      town.log.append(0, [
        ["a", "one"],
        [null, "two"]
      ])
      const a = yield* town.node("a")
      yield* a.join("one", "reject")
      const letters = Effect.flatMap(SubscriptionStore, (store) =>
        store.deadLetters(id, { limit: 9, after: 0, maxBytes: 1_000_000 })
      ).pipe(Effect.provide(town.stores))
      yield* Effect.promise(() =>
        waitUntil("both are dead", async () => (await Effect.runPromise(letters)).length === 2, 20_000)
      )
      const found = yield* letters
      assert.deepStrictEqual(found.map(({ event }) => messageOf(event).key).sort(), ["a", null].sort())
      assert.deepStrictEqual(
        found.map(({ reason, attempts }) => [reason, attempts]),
        [
          ["rejected", 1],
          ["rejected", 1]
        ]
      )
    })
  )

  it.live("DP3 without a dead-letter topic the subscription is in error, as everybody sees", () =>
    Effect.gen(function* () {
      const town = new Town()
      yield* town.make("failover", { maxAttempts: 1 })
      town.log.append(0, many(3))
      const a = yield* town.node("a")
      const { guest } = yield* a.join("one", "fail")
      const get = Effect.flatMap(SubscriptionStore, (store) => store.get("t", "s")).pipe(Effect.provide(town.stores))
      yield* Effect.promise(() =>
        waitUntil("it is in error", async () => (await Effect.runPromise(get))?.status === "error", 20_000)
      )
      yield* until("it is told", () => guest.outputs.some((one) => one.is === "state" && one.status === "error"))
    })
  )

  it.live("SO3 SQ2 without the store answers are not durable, and they are when it is back", () =>
    Effect.gen(function* () {
      const town = new Town()
      yield* town.make("shared")
      const a = yield* town.node("a")
      const { guest } = yield* a.join("one")
      town.log.append(0, many(8))
      const count = (what: Output["is"]) => guest.outputs.filter(({ is }) => is === what).length
      yield* until("all is durable", () => guest.texts.length === 8 && count("durable") === count("delivery"))
      town.away = true
      guest.outputs.length = 0
      town.log.append(0, many(3, 8))
      yield* until("they came", () => guest.texts.length === 11)
      assert.isFalse(guest.is("durable"))
      town.away = false
      yield* until("they are durable", () => guest.is("durable"))
    })
  )

  it.live("FJ2 what was trimmed is told as a gap; of another history it goes on where that does", () =>
    Effect.gen(function* () {
      const town = new Town()
      yield* town.make("shared", { slices: 1 })
      town.log.append(0, many(4))
      town.log.trim(0, 4)
      town.log.append(0, many(2, 4))
      const a = yield* town.node("a")
      const { guest } = yield* a.join("one")
      yield* until("the rest came", () => guest.texts.length === 2)
      assert.deepInclude(
        guest.outputs.find(({ is }) => is === "gap"),
        { from: 0, to: 4, why: "retention" }
      )
      town.log.epoch = 2
      town.log.firsts[0] = 0
      town.log.segments[0] = []
      town.log.append(0, [[null, "anew"]])
      yield* until("the new history came", () => guest.texts.includes("anew"))
    })
  )

  it.live("FJ1 slices of a partition are read together, and a filter leaves out what it does not let through", () =>
    Effect.gen(function* () {
      const town = new Town()
      yield* town.make("shared", { filter: "long" })
      town.log.append(0, [
        [null, "no"],
        [null, "this is long enough"]
      ])
      const a = yield* town.node("a")
      const { guest } = yield* a.join("one")
      yield* until("it came", () => guest.texts.length === 1)
      assert.deepStrictEqual(guest.texts, ["this is long enough"])
      assert.isBelow(town.log.reads, 32)
    })
  )

  it.live("DP6 nats#2083: what is trimmed while a consumer has it holds its place no longer", () =>
    Effect.gen(function* () {
      const town = new Town()
      yield* town.make("shared", { slices: 1, maxInFlight: 4 })
      town.log.append(0, many(4))
      town.log.append(0, many(4, 4))
      const a = yield* town.node("a")
      const { guest } = yield* a.join("one", "nothing")
      yield* until("it has as many as may be", () => guest.texts.length === 4)
      town.log.trim(0, 4)
      yield* until("the next came", () => guest.texts.length === 8)
    })
  )

  it.effect("FJ1 a slice that is behind is given nothing that begins further on", () =>
    Effect.gen(function* () {
      const log = new FakeLog(1)
      log.append(0, many(20))
      const serving = new Serving(subscriptionOf("shared"), 0, () => {})
      const cursors = [5, 10].map((floor, at) => ({
        ...{ slice: { partition: 0, from: at * 32_768, to: at * 32_768 + 32_768 }, saved: beginAt(1, floor) }
      }))
      serving.claimed({ id: "s", epoch: 1, share: 0, token: 1n, cursors }, new Map())
      const [behind, ahead] = [...serving.machine.cursors]
      const fetching = new Fetching(yield* Effect.provide(TopicLog, log.layer))
      assert.isTrue((yield* fetching.fetch(serving, new Map([[ahead!, 10]]), () => true)).some)
      assert.deepStrictEqual([behind!.scan, ahead!.scan], [5, 20])
      assert.isTrue((yield* fetching.fetch(serving, new Map([[behind!, 5]]), () => true)).some)
      const seen = [...behind!.items.keys(), ...ahead!.items.keys()].sort((a, b) => a - b)
      const wanted = (offset: number) => offset >= 10 || keyHash(many(20)[offset]![0]) < 32_768
      assert.deepStrictEqual(seen, Array.from({ length: 15 }, (_, n) => n + 5).filter(wanted))
    })
  )

  it.live("SM2 SQ2 after a seek it begins there, and what was answered before is not durable", () =>
    Effect.gen(function* () {
      const town = new Town()
      yield* town.make("shared", { slices: 1 })
      town.log.append(0, many(3))
      const a = yield* town.node("a")
      const { guest } = yield* a.join("one")
      yield* until("all came", () => guest.texts.length === 3)
      yield* until("it is durable", () => guest.is("durable"))
      town.away = true
      town.log.append(0, many(1, 3))
      yield* until("one more came", () => guest.texts.length === 4)
      yield* Effect.flatMap(SubscriptionStore, (store) =>
        store.seek("t", "s", [{ partition: 0, logEpoch: 1, offset: 1 }])
      ).pipe(Effect.provide(town.stores))
      yield* until("its receipt is lost", () => guest.is("lost"))
      town.away = false
      yield* until("it begins there", () => guest.texts.length === 7)
      assert.deepStrictEqual(guest.texts.slice(4), ["e1", "e2", "e3"])
    })
  )

  it.live("SQ1 a consumer that takes nothing gets no more than fits, and the others go on", () =>
    Effect.gen(function* () {
      const town = new Town()
      yield* town.make("shared", { maxInFlight: 10_000 })
      const a = yield* town.node("a")
      const silent = yield* a.consuming.join(
        { topicName: "t", subscriptionName: "s", consumer: "silent", life: 0 },
        "ann"
      )
      silent.grant(1e9)
      const { guest } = yield* a.join("one")
      const text = "x".repeat(100_000)
      let sent = 0
      yield* until("the other one has much", () => {
        if (sent < 400) town.log.append(0, [[null, text]])
        sent++
        return guest.texts.length > 100
      })
      const outputs = yield* silent.take
      const bytes = outputs
        .flatMap((one) => (one.is === "delivery" ? one.events : []))
        .reduce((sum, { event }) => sum + event.length, 0)
      assert.isBelow(bytes, 8_000_000)
    })
  )

  it("QA1 QA2 shares follow the consumers; a single one stays where it is", () => {
    const nodes = [
      { run: "a", consumers: 6 },
      { run: "b", consumers: 1 },
      { run: "c", consumers: 1 }
    ]
    assert.deepStrictEqual(
      [...quotasOf(16, nodes, undefined)],
      [
        ["a", 12],
        ["b", 2],
        ["c", 2]
      ]
    )
    assert.deepStrictEqual(
      [...quotasOf(2, nodes, undefined)],
      [
        ["a", 1],
        ["b", 1]
      ]
    )
    const behind = nodes.map((one) => ({ ...one, isBehind: true }))
    assert.deepStrictEqual([...quotasOf(1, [...behind, { run: "z", consumers: 1 }], "c")], [["z", 1]]) // QA3
    assert.deepStrictEqual([...quotasOf(16, behind, undefined)], [...quotasOf(16, nodes, undefined)])
    assert.deepStrictEqual([...quotasOf(1, nodes, "c")], [["c", 1]])
    assert.deepStrictEqual([...quotasOf(1, nodes, "gone")], [["a", 1]])
    assert.deepStrictEqual([...quotasOf(4, [], "a")], [])
    const both = ["a", "b"].map((run) => ({ run, consumers: 1 }))
    const uneven = quotasOf(7, both, undefined)
    assert.strictEqual((uneven.get("a") ?? 0) + (uneven.get("b") ?? 0), 7)
  })
})
