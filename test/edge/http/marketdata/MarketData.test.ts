/** Market data over HTTP. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { traded } from "../../../support/MarketDays.ts"
import { decimal, SECOND, trade } from "../../../support/Trades.ts"
import { startRoutes } from "../Harness.ts"

const DAY = 86_400_000
/** Some days ago, at the beginning of a minute. */
const at = Math.floor((Date.now() - 3 * DAY) / DAY) * DAY
const nanos = BigInt(at) * 1_000_000n
const of = { symbol: "XBT/USDT", exchange: "KRAKEN", currency: "USDT" }
const trades = [
  trade({ ...of, id: "1", tsEvent: nanos + 1n, price: 105_433_600_000_001n, size: decimal("0.00027625") }),
  trade({ ...of, id: "2", tsEvent: nanos + 2n * SECOND, price: 105_000n * SECOND, size: decimal("1.5"), offset: 1 }),
  trade({
    ...of,
    id: "3",
    tsEvent: nanos + 150n * SECOND,
    price: 104_000n * SECOND,
    tsRecv: 5n,
    sequence: 7n,
    offset: 2
  })
]
const quote = {
  kind: "quote",
  ...{ ...of, tsEvent: nanos + 3n, tsRecv: 0n, sequence: 0n, epoch: 1, offset: 4 },
  ...{ bid: { price: 103_999_500_000_000n, size: decimal("2") }, ask: undefined }
} as const

let door: Awaited<ReturnType<typeof startRoutes>>
const path = "/api/v1/market-data/XBT%2FUSDT"
const get = (rest: string, as = "viewer") => door.call("GET", `${path}${rest}`, { as })

beforeAll(async () => {
  door = await startRoutes([], {}, undefined, Effect.andThen(traded("market-data/coins", trades, [quote]), Effect.void))
})
afterAll(() => door.dispose())

describe("market data over HTTP", () => {
  it("MU2 MD1 the latest trade is told exactly, with the quote beside it", async () => {
    const { status, body } = await get("/latest")
    assert.strictEqual(status, 200)
    assert.deepInclude(body, {
      ...{ symbol: "XBT/USDT", exchange: "KRAKEN", price: "104000", size: "1", currency: "USDT", id: "3" },
      ...{ ts_event: String(nanos + 150n * SECOND), ts_recv: "5", sequence: "7", conditions: [], session: "regular" },
      ...{ topics: ["market-data/coins"], left_out: [] },
      ...{ market: "regular", stale: true, timestamp: new Date(at + 150_000).toISOString() }
    })
    assert.isAbove(body.age_ms, 2 * DAY - 1)
    assert.deepInclude(body.quote, { bid: { price: "103999.5", size: "2" }, ask: null, ts_event: String(nanos + 3n) })
    assert.deepStrictEqual((await door.call("GET", `${path.slice(4)}/latest`, { as: "viewer" })).body.id, "3")
  })

  it("MU3 history has bars with exact prices, a count, and a cursor where there are more", async () => {
    const start = `start_time=${new Date(at).toISOString()}&end_time=${at + 5 * 60_000}`
    const { status, body } = await get(`/history?${start}&interval=1m&limit=1`)
    assert.strictEqual(status, 200, JSON.stringify(body))
    assert.deepStrictEqual(body, {
      ...{ symbol: "XBT/USDT", exchange: null, interval: "1m", count: 1, has_more: true, cursor: String(at + 120_000) },
      ...{ topics: ["market-data/coins"], left_out: [] },
      data: [
        {
          ...{ start_time: new Date(at).toISOString(), end_time: new Date(at + 60_000).toISOString() },
          ...{ open: "105433.600000001", high: "105433.600000001", low: "105000", close: "105000" },
          ...{ volume: "1.50027625", vwap: "105000.079839963", trades: 2, revision: 1, final: true, filled: false }
        }
      ]
    })
    const next = await get(`/history?${start}&limit=1&cursor=${body.cursor}`)
    assert.deepInclude(next.body, { count: 1, has_more: false, cursor: null })
    const filled = await get(`/history?${start}&fill=previous`)
    assert.deepStrictEqual(
      filled.body.data.map((one: Record<string, unknown>) => [one["close"], one["volume"], one["filled"]]),
      [
        ["105000", "1.50027625", false],
        ["105000", "0", true],
        ["104000", "1", false],
        ["104000", "0", true],
        ["104000", "0", true]
      ]
    )
    assert.strictEqual((await get(`/history?start_time=${at}&interval=1d`)).body.data[0].trades, 3)
  })

  it("MU1 symbols are listed, of a topic and by what they begin with, in pages", async () => {
    const list = (query = "") => door.call("GET", `/api/v1/market-data${query}`, { as: "viewer" })
    const one = { symbol: "XBT/USDT", exchange: "KRAKEN" }
    const whole = { data: [one], count: 1, has_more: false, cursor: null }
    assert.deepStrictEqual((await list()).body, whole)
    assert.deepStrictEqual((await list("?prefix=XBT&topic=market-data%2Fcoins&limit=1")).body, whole)
    for (const query of ["prefix=Y", "topic=market-data%2Fother", `cursor=${encodeURIComponent("XBT/USDT KRAKEN")}`])
      assert.strictEqual((await list(`?${query}`)).body.count, 0, query)
    for (const query of ["cursor=XBT", "limit=1001", "topic=a%20b"])
      assert.strictEqual((await list(`?${query}`)).status, 400, query)
    assert.strictEqual((await get("/latest?topic=market-data%2Fcoins")).body.id, "3")
    const { status, body } = await get("/latest?topic=market-data%2Fother")
    assert.deepStrictEqual([status, body.code], [404, "HRLD-2095"])
  })

  it("MU1 R3 it wants a key that may read the topic", async () => {
    assert.strictEqual((await get("/latest", "nobody")).status, 401)
    assert.strictEqual((await get("/latest", "viewer@production")).status, 403)
    assert.strictEqual((await door.call("GET", "/api/v1/market-data/NONE/latest")).status, 404)
  })

  it("MU3 what can't be is refused", async () => {
    for (const query of [
      "interval=2m",
      "limit=0",
      "limit=1001",
      "start_time=soon",
      "cursor=-1",
      "fill=next",
      "session=x",
      "symbol=a"
    ])
      assert.strictEqual((await get(`/history?${query}`)).status, 400, query)
    assert.strictEqual((await door.call("GET", "/api/v1/market-data/..%2F..%2Fetc/latest")).status, 400)
    const backwards = await get(`/history?start_time=${at}&end_time=${at - 1}`)
    assert.strictEqual(backwards.status, 400)
  })
})
