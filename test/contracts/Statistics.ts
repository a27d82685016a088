/** What every store of statistics of topics must do. Run by Statistics.test.ts on memory and on PostgreSQL. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { type Delivery, type Sample, StatisticsStore } from "../../src/distribution/StatisticsStore.ts"
import { Leases } from "../../src/leases/Leases.ts"
import { CursorStore } from "../../src/subscriptions/CursorStore.ts"
import type { SubscriptionType } from "../../src/subscriptions/Subscription.ts"
import { SubscriptionStore } from "../../src/subscriptions/SubscriptionStore.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import { TopicStore } from "../../src/topics/TopicStore.ts"
import { fresh } from "../support/fresh.ts"
import { events, newTopic } from "../support/Topics.ts"
import { flush, running, saved, wish } from "./SubscriptionWishes.ts"

type Needed = StatisticsStore | Leases | TopicStore | TopicLog | SubscriptionStore | CursorStore
export type Test = <E>(name: string, body: () => Effect.Effect<void, E, Needed>) => void

const sample = (topic: number, more: Partial<Sample> = {}): Sample => ({
  ...{
    topic,
    seconds: 60,
    published: 60,
    refused: 20,
    sent: 5,
    delivered: 15,
    failed: 5,
    p50: 2,
    p99: 8,
    consumers: 3
  },
  ...more
})
type Lately = Delivery & { readonly ago: number }
const delivery = (topic: number, offset: number, more: Partial<Lately> = {}): Lately => ({
  ...{ topic, subscription: "billing", id: `t:0:1:${offset}`, offset, latency: 1.5, retries: 2, status: "failed" },
  ...{ error: 'it said "no" \\ ünd\n', ago: 0 },
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
      const two = sample(id, { published: 120, refused: 0, failed: 0, p50: 4, p99: null, consumers: 1 })
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
      assert.deepStrictEqual(
        shown.map((one) => ({ ...one, ago: 0 })),
        [delivery(id, 2, { status: "delivered", error: "" }), delivery(id, 1)]
      )
      assert.lengthOf((yield* store.read({ ...asked, limit: 1 })).deliveries, 1)
      const later = yield* store.read({ ...asked, since: Date.now() + MINUTE })
      assert.deepStrictEqual([later.points, later.deliveries], [[], []])
    }))

  test("GS8 what is written is of when it was, and never more than an hour ago", () =>
    Effect.gen(function* () {
      const store = yield* StatisticsStore
      const { id, createdAt } = yield* newTopic()
      const began = Date.now()
      const deliveries = [delivery(id, 1, { ago: 90_000 }), delivery(id, 2, { ago: 9 * 60 * MINUTE })]
      yield* store.write({ run: "one", samples: [sample(id, { seconds: 240 })], deliveries })
      const found = yield* store.read({ topic: id, since: began - 2 * 60 * MINUTE, width: MINUTE, limit: 10 })
      const ended = Date.now()
      const floor = (at: number) => at - (at % MINUTE)
      assert.lengthOf(found.points, 1)
      const { start } = found.points[0]!
      assert.isTrue(start >= floor(began - 120_000 - 2) && start <= floor(ended - 120_000 + 2), `${start} ${began}`)
      // Of a topic that is younger than its sample: since it is there.
      assert.strictEqual(found.totals?.since, createdAt)
      const [new_, old] = found.deliveries.map(({ at }) => at) as [number, number]
      assert.isTrue(new_ >= began - 90_002 && new_ <= ended - 89_998, `${new_} ${began}`)
      assert.isTrue(old >= began - 60 * MINUTE - 2 && old <= ended - 60 * MINUTE + 2, `${old} ${began}`)
    }))

  test("GS9 the backlog is of all subscriptions, whether or not anybody serves them, and unknown where the log is elsewhere", () =>
    Effect.gen(function* () {
      const store = yield* StatisticsStore
      const leases = yield* Leases
      const subscriptions = yield* SubscriptionStore
      const cursors = yield* CursorStore
      const log = yield* TopicLog
      const topic = yield* newTopic({ partitions: 2 })
      const [done, idle, away] = [yield* newTopic(), yield* newTopic(), yield* newTopic({ log: "kafka" })]
      const append = (id: number, partition: number, ...texts: ReadonlyArray<string>) =>
        log.append({ topic: id, partition, events: events(...texts), compression: "none", producing: undefined })
      yield* append(topic.id, 0, "a", "b", "c", "d", "e", "f")
      yield* append(topic.id, 1, "x", "y")
      yield* append(done.id, 0, "x")
      const { epoch } = (yield* log.bounds([topic.id]))[0]!
      const subscribe = (type: SubscriptionType, slices: number, logEpoch: number, offset: number, parts: number) =>
        subscriptions.create(
          wish(type, { topicId: topic.id, topicName: topic.name, subscriptionName: fresh("s"), slices }),
          Array.from({ length: parts }, (_, partition) => ({ partition, logEpoch, offset })),
          "ann"
        )
      yield* subscribe("exclusive", 1, epoch, 0, 2) // 6 and 2
      yield* subscribe("failover", 1, 1, 5, 1) // of a history that is lost: 6
      const { id } = yield* subscribe("key_shared", 2, epoch, 1, 2) // 5 and 1, of which a slice of the first has done 3 more
      yield* running(["a"])
      const [claimed] = yield* cursors.claim("a", [{ id, share: 0 }], 60_000)
      const state = { logEpoch: epoch, floor: 4, ranges: new Uint8Array(), failed: [] }
      yield* cursors.flush([flush(claimed!, { saved: saved(state) })])
      const samples = [sample(done.id), sample(away.id)]
      yield* store.write({ run: "one", samples, deliveries: [] })
      yield* store.write({ run: "two", samples, deliveries: [] })
      const lease = (yield* leases.claim(fresh("statistics"), "run", 10_000))!
      for (let n = 0; n < 2; n++) yield* store.sweep(lease, 10_000, DAY)
      const backlogs = Effect.fnUntraced(function* (topic: number) {
        const asked = { topic, since: Date.now() - 5 * MINUTE, width: MINUTE, limit: 1 }
        return (yield* store.read(asked)).points.map(({ backlog }) => backlog).filter((one) => one !== null)
      })
      const [its, none] = [yield* backlogs(topic.id), yield* backlogs(done.id)]
      assert.deepStrictEqual([its, none], [[8 + 6 + Math.ceil((5 + 1 - 3 + 5 + 1) / 2)], [0]])
      assert.deepStrictEqual([yield* backlogs(idle.id), yield* backlogs(away.id)], [[], []])
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
