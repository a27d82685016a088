import { assert, describe, it } from "@effect/vitest"
import { type ServiceError, status } from "@grpc/grpc-js"
import { SubscriptionAction } from "../../../../proto/generated/herald/marketdata/v1/marketdata.ts"
import { Door } from "../../../support/Door.ts"
import { traded } from "../../../support/MarketDays.ts"
import { Client, create, NAME, publish, sold } from "../../../support/MarketDoor.ts"
import { trade } from "../../../support/Trades.ts"

describe("bars and subscriptions of market data over gRPC", () => {
  it("MU3 MG4 bars come in pages, in order, and all of them", async () => {
    await using door = await Door.open()
    const begin = Math.floor(Date.now() / 60_000) * 60_000 - 3_000 * 60_000
    const trades = Array.from({ length: 2_500 }, (_, n) =>
      trade({ symbol: "BTC", exchange: "KRAKEN", tsEvent: BigInt(begin + n * 60_000) * 1_000_000n, offset: n })
    )
    await door.run(traded(NAME, trades))
    const client = new Client(door)
    const all = await client.history({ symbol: "BTC", startMs: BigInt(begin) })
    assert.deepStrictEqual(
      all.map(({ bars }) => bars.length),
      [1_000, 1_000, 500]
    )
    const bars = all.flatMap(({ bars }) => bars)
    assert.isTrue(bars.every(({ startMs }, n) => Number(startMs) === begin + n * 60_000))
    assert.strictEqual(bars[0]?.openNanos, trades[0]!.price)
    // Of each day on which anything was traded one; with those that are filled, up to today.
    const dayOf = (millis: number) => Math.floor(millis / 86_400_000)
    const days = dayOf(begin + 2_499 * 60_000) - dayOf(begin) + 1
    const filled = await client.history({ symbol: "BTC", interval: "1d", fill: "previous" })
    assert.isAtLeast(filled.flatMap(({ bars }) => bars).length, days)
    assert.lengthOf((await client.history({ symbol: "BTC", topic: NAME, interval: "1d" }))[0]!.bars, days)
    const elsewhere = client.history({ symbol: "BTC", topic: "elsewhere" })
    assert.strictEqual(
      await elsewhere.then(
        () => 0,
        ({ code }: ServiceError) => code
      ),
      status.NOT_FOUND
    )
    for (const wrong of [
      { topic: "a b" },
      { interval: "2m" },
      { fill: "next" },
      { session: "night" },
      { startMs: -1n }
    ])
      await client.history({ symbol: "BTC", ...wrong }).then(
        () => assert.fail("it was taken"),
        ({ code }: ServiceError) => assert.strictEqual(code, status.INVALID_ARGUMENT)
      )
  })

  it("MQ1 a subscription is made of criteria, paused, resumed and deleted", async () => {
    await using door = await Door.open()
    const { id } = await create(door)
    const client = new Client(door)
    const { SUBSCRIPTION_ACTION_CREATE, SUBSCRIPTION_ACTION_GET, SUBSCRIPTION_ACTION_PAUSE } = SubscriptionAction
    const made = await client.manage(SUBSCRIPTION_ACTION_CREATE, { symbols: ["AAPL"] })
    assert.deepInclude(made, { subscriptionName: "desk", status: "active", type: "key_shared", backlog: 0n })
    assert.strictEqual(made.filter, 'payload.symbol in ["AAPL"]')
    await publish(door, id, sold("a", "1"))
    assert.strictEqual((await client.manage(SUBSCRIPTION_ACTION_GET)).backlog, 1n)
    assert.strictEqual((await client.manage(SUBSCRIPTION_ACTION_PAUSE)).status, "paused")
    assert.strictEqual((await client.manage(SubscriptionAction.SUBSCRIPTION_ACTION_RESUME)).status, "active")
    assert.strictEqual((await client.manage(SubscriptionAction.SUBSCRIPTION_ACTION_DELETE)).status, "deleted")
    for (const [action, more, code] of [
      [SUBSCRIPTION_ACTION_GET, {}, status.NOT_FOUND],
      [SUBSCRIPTION_ACTION_CREATE, { type: "loud" }, status.INVALID_ARGUMENT],
      [SUBSCRIPTION_ACTION_CREATE, { symbols: ["no symbol"] }, status.INVALID_ARGUMENT],
      [SubscriptionAction.SUBSCRIPTION_ACTION_UNSPECIFIED, {}, status.INVALID_ARGUMENT]
    ] as const)
      await client.manage(action, more).then(
        () => assert.fail("it was taken"),
        (error: ServiceError) => assert.strictEqual(error.code, code, error.details)
      )
  })
})
