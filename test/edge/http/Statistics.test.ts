/** How topics were used, over HTTP. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { POINTS } from "../../../src/distribution/Statistics.ts"
import { StatisticsStore } from "../../../src/distribution/StatisticsStore.ts"
import { TopicStore } from "../../../src/topics/TopicStore.ts"
import { openHttp } from "../../support/WebSockets.ts"

describe("statistics over HTTP", () => {
  it("GS5 whoever may read a topic is told how it was used, in so many points at most, and nobody else", async () => {
    const door = await openHttp()
    try {
      assert.strictEqual((await door.call("POST", "/v1/topics", { name: "shop/orders" })).status, 201)
      const path = "/v1/topics/shop%2Forders/statistics"
      const empty = await door.call("GET", path)
      assert.deepInclude(empty.body, { topic: "shop/orders", totals: null, points: [], deliveries: [], width: 60_000 })
      await door.runtime.runPromise(
        Effect.gen(function* () {
          const { id } = (yield* (yield* TopicStore).get("shop/orders"))!
          const delivery = { topic: id, subscription: "billing", id: "shop/orders:0:1:2", offset: 2, latency: 5 }
          yield* (yield* StatisticsStore).write({
            run: "r",
            samples: [
              {
                ...{ topic: id, seconds: 60, published: 120, refused: 0, sent: 240, delivered: 9, failed: 1 },
                ...{ p50: 1.41, p99: 22.6, consumers: 2 }
              }
            ],
            deliveries: [{ ...delivery, retries: 3, status: "failed", error: "no", ago: 0 }]
          })
        })
      )
      const { status, body } = await door.call("GET", `${path}?since=15m`)
      assert.strictEqual(status, 200, JSON.stringify(body))
      assert.deepInclude(body["totals"], { published: 120, sent: 240, delivered: 9, failed: 1 })
      assert.deepInclude(body["points"][0], {
        ...{
          throughputPerSecond: 2,
          latencyP50Millis: 1.41,
          latencyP99Millis: 22.6,
          backlogSize: null,
          consumerCount: 2
        },
        ...{ producerCount: 0, errorRate: 1 / 130 }
      })
      assert.deepInclude(body["deliveries"][0], {
        ...{ subscription: "billing", messageId: "shop/orders:0:1:2", offset: 2, latencyMillis: 5, retryCount: 3 },
        ...{ status: "failed", error: "no" }
      })
      const week = await door.call("GET", `${path}?since=7d`)
      assert.isAtLeast(week.body["width"] * POINTS, 7 * 86_400_000)
      for (const since of ["1s", "8d", "soon", ""])
        assert.strictEqual((await door.call("GET", `${path}?since=${since}`)).status, 400, since)
      const { token } = await door.mint("elsewhere", "viewer", ["other/*"])
      assert.strictEqual((await door.call("GET", path, undefined, token)).status, 403)
      assert.strictEqual((await door.call("GET", "/v1/topics/none/statistics")).body["code"], "HRLD-2077")
    } finally {
      await door.close()
    }
  })
})
