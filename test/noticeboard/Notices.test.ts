/** What is put up for other programs, on memory twins. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Memory from "../../layers/Memory/Memory.ts"
import { type Board, layer as boardLayer } from "../../layers/Memory/noticeboard/Noticeboard.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import {
  fitting,
  NOTICE_BYTES,
  pressureNotice,
  routingNotices,
  subscriptionNotice
} from "../../src/noticeboard/Notice.ts"
import * as Notices from "../../src/noticeboard/Notices.ts"
import { routeDefaults } from "../../src/routes/Route.ts"
import { RouteStore } from "../../src/routes/RouteStore.ts"
import { defaults, type Subscription } from "../../src/subscriptions/Subscription.ts"
import type { SubscriptionStore } from "../../src/subscriptions/SubscriptionStore.ts"
import { Subscriptions } from "../../src/subscriptions/Subscriptions.ts"
import { Activity } from "../../src/topics/Activity.ts"
import { Publishing } from "../../src/topics/Publishing.ts"
import type { TopicStore } from "../../src/topics/TopicStore.ts"
import { Topics } from "../../src/topics/Topics.ts"
import { access, below, topics as topicTwins } from "../support/Twins.ts"

const options = { message: "", idempotencyKey: undefined }
const rule = (name: string, source: string, priority = 0) => ({
  ...{ ...routeDefaults, name, source, target: "big", priority },
  ...{ id: 1, version: 1, error: "", createdAt: 0, createdBy: "", updatedAt: 0 }
})

describe("notices for other programs", () => {
  it("NJ2 NJ3 no two things have one name, and what takes too much is not put up", () => {
    const pressed = { topic: 1, name: "a/b", partition: 3, batches: 1, bytes: 2, millis: 3 }
    assert.deepInclude(pressureNotice(pressed, "n", 7), { name: "backpressure:a/b:3", millis: 10_000 })
    const [one, ...rest] = routingNotices([rule("low", "a/*", 1), rule("high", "a/*", 2), rule("c", "c")], 5, 7)
    assert.deepStrictEqual(
      [one!.name, one!.millis, rest.map(({ name }) => name)],
      ["routing:a/*", 900_000, ["routing:c"]]
    )
    assert.deepStrictEqual(
      JSON.parse(one!.text).rules.map(({ name }: { name: string }) => name),
      ["high", "low"]
    )
    const text = "x".repeat(NOTICE_BYTES)
    const all = ["", "x", "é"].map((more) => ({ name: more, text: text.slice(more.length) + more, millis: 1 }))
    assert.deepStrictEqual(
      fitting([...all, { name: "+", text: `${text}x`, millis: 1 }]).map(({ name }) => name),
      ["", "x"]
    )
  })

  it("NJ6 why a subscription stopped is not told: it may quote what a consumer said of an event", () => {
    const of: Subscription = {
      ...{ ...defaults, id: "7", topicName: "a/b", topicId: 7, subscriptionName: "billing", type: "shared" },
      ...{ filter: "", startPosition: { at: "earliest" }, slices: 1, epoch: 1, version: 1, status: "error" },
      ...{ reason: "a/b:0:1:2 failed: no such card 4111 1111", pausedUntil: null, createdAt: 0, createdBy: "ann" },
      lastActivity: 0
    }
    const { name, text } = subscriptionNotice(of, 9)
    assert.strictEqual(name, "subscription:7")
    assert.deepInclude(JSON.parse(text), { name: "billing", status: "error", at: 9 })
    assert.notInclude(text, "4111")
  })

  const run = <A, E>(
    board: Board,
    away: () => boolean,
    body: Effect.Effect<
      A,
      E,
      Topics | Subscriptions | Publishing | TopicStore | SubscriptionStore | RouteStore | Activity
    >
  ) =>
    Effect.provide(
      Effect.provideService(body, CurrentIdentity, system),
      Layer.fresh(
        Notices.layer({ run: "test", node: "node-1" }).pipe(
          Layer.provideMerge(topicTwins),
          Layer.provideMerge(access),
          Layer.provideMerge(below(Memory.layer, {})),
          Layer.provide(boardLayer(board, away))
        )
      )
    )

  it.effect(
    "NJ4 topics, subscriptions, rules and what waits stand there within a round, and are put up again before they end",
    () => {
      const board: Board = new Map()
      const read = (name: string) => JSON.parse(board.get(name)?.text ?? "null")
      return run(
        board,
        () => false,
        Effect.gen(function* () {
          const { create } = yield* Topics
          for (const name of ["a/b", "big"]) yield* create({ name, partitions: 2 }, options)
          const subscription = yield* (yield* Subscriptions).create(
            { topicName: "a/b", subscriptionName: "s", type: "shared" },
            options
          )
          const { name, source, target, ...rest } = rule("r", "a/*")
          const { id: _, version, error, createdAt, createdBy, updatedAt, ...definition } = rest
          const made = { ...definition, name, source, target }
          yield* (yield* RouteStore).create(made, { revision: 0, begins: [], by: "test" })
          const event = { key: "k", payload: Buffer.from("1"), eventTime: null, headers: new Map<string, string>() }
          yield* (yield* Publishing).publish({ topic: "a/b", events: [event] })
          const done = (yield* Activity).pressure.begin({ topic: 1, partition: 1 }, "a/b", 100)
          yield* TestClock.adjust("13 seconds")
          const stats = read("topic_stats:a/b")
          assert.deepInclude(stats, { topic: "a/b" })
          assert.strictEqual(stats.partitions.length, 2)
          assert.strictEqual(stats.partitions[0].next + stats.partitions[1].next, 1)
          assert.isNotNull(read("topic_stats:big"))
          assert.deepInclude(read(`subscription:${subscription.id}`), { topic: "a/b", name: "s", status: "active" })
          assert.deepInclude(read("routing:a/*").rules[0], { name: "r", target: "big", status: "active" })
          assert.deepInclude(read("backpressure:a/b:1"), { node: "node-1", batches: 1, bytes: 100 })
          done()
          for (let seconds = 0; seconds < 400; seconds += 3) {
            yield* TestClock.adjust("3 seconds")
            const now = yield* Effect.clockWith((clock) => Effect.succeed(clock.currentTimeMillisUnsafe()))
            for (const one of ["topic_stats:a/b", `subscription:${subscription.id}`, "routing:a/*"])
              assert.isAbove(board.get(one)?.until ?? 0, now, `${one} after ${seconds} s`)
          }
          assert.isNull(read("backpressure:a/b:1"))
        })
      )
    }
  )

  it.effect("NJ5 while the board is away the stores are asked nothing", () => {
    const board: Board = new Map()
    let away = true
    return run(
      board,
      () => away,
      Effect.gen(function* () {
        yield* (yield* Topics).create({ name: "a", partitions: 1 }, options)
        yield* TestClock.adjust("60 seconds")
        assert.strictEqual(board.size, 0)
        away = false
        yield* TestClock.adjust("13 seconds")
        assert.isTrue(board.has("topic_stats:a"))
      })
    )
  })
})
