import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Sampling from "../../src/distribution/Sampling.ts"
import { StatisticsStore, type Written } from "../../src/distribution/StatisticsStore.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { type Fate, Fates } from "../../src/subscriptions/Fates.ts"
import { defaults, type Subscription } from "../../src/subscriptions/Subscription.ts"
import { Activity } from "../../src/topics/Activity.ts"

const of: Subscription = {
  ...{ ...defaults, id: "1", topicName: "shop/orders", topicId: 7, subscriptionName: "billing", type: "shared" },
  ...{ filter: "", startPosition: { at: "earliest" }, slices: 1, epoch: 1, version: 1, status: "active", reason: "" },
  ...{ pausedUntil: null, createdAt: 0, createdBy: "ann", lastActivity: 0 }
}
const fate = (offset: number, more: Partial<Fate> = {}): Fate => ({
  ...{ subscription: of, partition: 1, epoch: 2, offset, attempts: 1, latency: 3, status: "delivered", cause: "" },
  ...more
})

const test = (
  name: string,
  deliveries: Sampling.SamplingOptions["deliveries"],
  body: (written: Array<Written>, store: { down: boolean }) => Effect.Effect<void, never, Activity>
) =>
  it.effect(name, () => {
    const written: Array<Written> = []
    const state = { down: false }
    const store = Layer.mock(StatisticsStore, {
      write: (one) =>
        Effect.suspend(() => {
          if (state.down) return Effect.fail(failure("DatabaseUnavailable", "away"))
          written.push(one)
          return Effect.void
        })
    })
    const layer = Sampling.layer({ run: "r", deliveries }).pipe(
      Layer.provideMerge(Layer.mergeAll(store, Activity.layer))
    )
    return body(written, state).pipe(Effect.provide(layer))
  })

describe("Sampling", () => {
  test("GS3 what was counted of a topic is written once a minute, and once", "off", (written) =>
    Effect.gen(function* () {
      const activity = yield* Activity
      const { note, serving } = yield* Fates
      activity.published(7, 10)
      activity.published(7, 20)
      activity.refused(7, 2)
      activity.sent(7, 60)
      for (const millis of [1, 1, 1, 900]) activity.late(7, millis)
      for (let n = 0; n < 5; n++) note(fate(n))
      note(fate(9, { status: "retrying" }))
      serving([
        { topic: 7, consumers: 2 },
        { topic: 7, consumers: 1 }
      ])
      assert.lengthOf(written, 0)
      yield* TestClock.adjust("61 seconds")
      assert.lengthOf(written, 1)
      const [sample] = written[0]!.samples
      const { p50, p99, seconds, ...counts } = sample!
      assert.deepStrictEqual(counts, {
        ...{ topic: 7, published: 30, refused: 2, sent: 60, delivered: 5, failed: 1, consumers: 3 }
      })
      assert.isAbove(seconds, 59)
      assert.isTrue(p50! >= 1 && p50! < 1.5 && p99! >= 900 && p99! < 1_300, `${p50} ${p99}`)
      serving([])
      yield* TestClock.adjust("2 minutes")
      assert.lengthOf(written, 1)
    })
  )

  test("GS3 a minute is written when it is over, however late the node began", "off", (written) =>
    Effect.gen(function* () {
      const activity = yield* Activity
      yield* TestClock.adjust("60 seconds")
      yield* TestClock.setTime(95_000)
      yield* TestClock.adjust("24 seconds")
      activity.published(7, 1)
      assert.lengthOf(written, 0)
      yield* TestClock.adjust("1 second")
      assert.lengthOf(written, 1)
      activity.published(7, 1)
      yield* TestClock.adjust("60 seconds")
      assert.deepStrictEqual(
        written.map(({ samples }) => samples[0]!.seconds),
        [60, 60]
      )
    })
  )

  test(
    "GS4 of deliveries those that failed are written with why, and a sample of the others",
    "sampled",
    (written, state) =>
      Effect.gen(function* () {
        const { note } = yield* Fates
        for (let n = 0; n < 640; n++) note(fate(n))
        for (let n = 0; n < 20; n++) note(fate(n, { status: "failed", attempts: 4, cause: `${"x".repeat(2_000)}` }))
        yield* TestClock.adjust("11 seconds")
        const all = written.flatMap(({ deliveries }) => deliveries)
        assert.lengthOf(all, 640 / Sampling.ONE_OF + 20)
        assert.lengthOf(
          all.filter(({ status }) => status === "delivered"),
          640 / Sampling.ONE_OF
        )
        const { ago, ...failed } = all.find(({ status }) => status === "failed")!
        assert.strictEqual(ago, 10_000) // GS8
        assert.deepStrictEqual(failed, {
          ...{ topic: 7, subscription: "billing", id: "shop/orders:1:2:0", offset: 0, latency: 3, retries: 4 },
          ...{ status: "failed", error: "x".repeat(1_000) }
        })
        written.length = 0
        state.down = true
        note(fate(1, { status: "failed" }))
        yield* TestClock.adjust("11 seconds")
        state.down = false
        yield* TestClock.adjust("11 seconds")
        assert.lengthOf(written, 0)
      })
  )

  test("GS4 who fails all the time has a share of the bytes of a round, and others theirs", "sampled", (written) =>
    Effect.gen(function* () {
      const { note } = yield* Fates
      for (let round = 0; round < 2; round++) {
        written.length = 0
        for (let n = 0; n < 20_000; n++) note(fate(n, { status: "retrying", cause: "x".repeat(1_000) }))
        for (let n = 0; n < 5; n++)
          note(fate(n, { status: "failed", subscription: { ...of, id: "other", subscriptionName: "other" } }))
        yield* TestClock.adjust("11 seconds")
        const all = written.flatMap(({ deliveries }) => deliveries)
        const noisy = all.filter(({ subscription }) => subscription === "billing")
        assert.isAbove(noisy.length, 10)
        assert.isAtMost(JSON.stringify(noisy).length, Sampling.BYTES.sampled.share)
        assert.lengthOf(all, noisy.length + 5)
      }
    })
  )

  test("GS4 all deliveries are written where it is said so, in pages", "complete", (written) =>
    Effect.gen(function* () {
      const { note } = yield* Fates
      for (let n = 0; n < Sampling.PAGE + 100; n++) note(fate(n))
      yield* TestClock.adjust("11 seconds")
      assert.deepStrictEqual(
        written.map(({ deliveries }) => deliveries.length),
        [Sampling.PAGE, 100]
      )
    })
  )
})
