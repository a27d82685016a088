/** What every store of statistics of topics must do. Run by Statistics.test.ts on memory and on PostgreSQL. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { type Delivery, type Sample, StatisticsStore } from "../../src/distribution/StatisticsStore.ts"
import { Leases } from "../../src/leases/Leases.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import { fresh } from "../support/fresh.ts"
import { newTopic } from "../support/Topics.ts"

export type Test = <E>(name: string, body: () => Effect.Effect<void, E, StatisticsStore | Leases | TopicStore>) => void

const sample = (topic: number, more: Partial<Sample> = {}): Sample => ({
  ...{ topic, seconds: 60, published: 60, refused: 20, sent: 5, delivered: 15, failed: 5, p50: 2, p99: 8, backlog: 7 },
  consumers: 3,
  ...more
})
const delivery = (topic: number, offset: number, more: Partial<Delivery> = {}): Delivery => ({
  ...{ topic, subscription: "billing", id: `t:0:1:${offset}`, offset, latency: 1.5, retries: 2, status: "failed" },
  error: 'it said "no" \\ ünd\n',
  ...more
})
const MINUTE = 60_000
const DAY = 86_400_000

export const statisticsContract = (test: Test) => {
  test("GS1 totals are added up, and a minute has what all nodes did together, the slowest and the most of them", () =>
    Effect.gen(function* () {
      const store = yield* StatisticsStore
      const [{ id }, other] = [yield* newTopic(), yield* newTopic()]
      const asked = { topic: id, since: Date.now() - MINUTE, width: 60 * MINUTE, limit: 10 }
      assert.deepStrictEqual(yield* store.read(asked), { totals: undefined, points: [], deliveries: [] })
      yield* store.write({
        run: "one",
        samples: [sample(id), sample(other.id, { published: 999 })],
        deliveries: [delivery(id, 1), delivery(other.id, 9)]
      })
      const two = sample(id, { published: 120, refused: 0, failed: 0, p50: 4, p99: null, backlog: 1, consumers: 1 })
      yield* store.write({ run: "two", samples: [two], deliveries: [] })
      yield* store.write({ run: "two", samples: [], deliveries: [delivery(id, 2, { status: "delivered", error: "" })] })
      const { totals, points, deliveries } = yield* store.read(asked)
      assert.deepInclude(totals!, { published: 180, refused: 20, sent: 10, delivered: 30, failed: 5 })
      // Two minutes, where one ended in between.
      const whole = points.reduce((sum, { throughput }) => sum + throughput, 0)
      assert.isAtLeast(whole, 1)
      assert.isAtMost(whole, 3)
      assert.strictEqual(Math.max(...points.map(({ errors }) => errors)), 0.25)
      assert.strictEqual(Math.max(...points.map(({ p99 }) => p99 ?? 0)), 8)
      assert.strictEqual(Math.max(...points.map(({ p50 }) => p50 ?? 0)), 4)
      assert.isTrue(points.every(({ start }) => start % (60 * MINUTE) === 0))
      const shown = deliveries.map(({ at: _, ...one }) => one)
      assert.deepStrictEqual(shown, [delivery(id, 2, { status: "delivered", error: "" }), delivery(id, 1)])
      assert.lengthOf((yield* store.read({ ...asked, limit: 1 })).deliveries, 1)
      const later = yield* store.read({ ...asked, since: Date.now() + MINUTE })
      assert.deepStrictEqual([later.points, later.deliveries], [[], []])
    }))

  test("GS2 of a topic that is deleted nothing is kept or written, and what is old goes in ranges", () =>
    Effect.gen(function* () {
      const store = yield* StatisticsStore
      const leases = yield* Leases
      const topics = yield* TopicStore
      const [gone, there] = [yield* newTopic(), yield* newTopic()]
      const written = {
        run: "one",
        samples: [sample(gone.id), sample(there.id)],
        deliveries: [delivery(gone.id, 1), delivery(there.id, 1)]
      }
      yield* store.write(written)
      yield* topics.remove(gone.name)
      yield* store.write(written)
      const lease = (yield* leases.claim(fresh("statistics"), "run", 10_000))!
      assert.isUndefined(yield* store.sweep({ ...lease, token: lease.token + 1n }, 1_000, DAY))
      assert.isAtLeast((yield* store.sweep(lease, 10_000, DAY)) ?? 0, 1)
      const of = (topic: number) => store.read({ topic, since: Date.now() - MINUTE, width: MINUTE, limit: 10 })
      assert.isUndefined((yield* of(gone.id)).totals)
      assert.strictEqual((yield* of(there.id)).totals?.published, 120)
      assert.deepStrictEqual(yield* store.drop(Date.now() - DAY), { dropped: 0, left: 0 })
      assert.lengthOf((yield* of(there.id)).deliveries, 2)
      assert.isAtLeast((yield* store.drop(Date.now() + 2 * DAY)).dropped, 2)
      const { points, deliveries } = yield* of(there.id)
      assert.deepStrictEqual([points, deliveries], [[], []])
      // A range that was dropped is made once more.
      yield* store.sweep(lease, 10_000, -2 * DAY)
      yield* store.write(written)
      assert.lengthOf((yield* of(there.id)).points, 1)
    }))
}
