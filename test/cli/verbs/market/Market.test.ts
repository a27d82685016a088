import { assert, describe, it } from "@effect/vitest"
import { FakeHerald, problem } from "../../../support/FakeHerald.ts"
import { NOW, terminal } from "../../../support/Terminal.ts"

const MINUTE = 60_000
const bar = (at: number, price: string, more: object = {}) => ({
  start_time: new Date(at).toISOString(),
  end_time: new Date(at + MINUTE).toISOString(),
  ...{ open: price, high: price, low: price, close: price, volume: "0.000000000000000001", vwap: price },
  ...{ trades: 1, revision: 1, final: true, filled: false, ...more }
})
const page = (bars: ReadonlyArray<object>, cursor: string | null = null) => ({
  body: {
    ...{ symbol: "BTC/USD", exchange: null, interval: "1m", data: bars, count: bars.length },
    ...{ has_more: cursor !== null, cursor, topics: ["market-data/normalized/us"], left_out: [] }
  }
})
const PATH = "GET /v1/market-data/BTC%2FUSD/history"
const iso = (at: number) => new Date(at).toISOString()
const many = (count: number) => Array.from({ length: count }, (_, at) => bar(at * MINUTE, "1"))

const asked = async (herald: FakeHerald, ...args: ReadonlyArray<string>) => {
  const cli = terminal({ terminal: true })
  const exit = await cli.run("market", ...args, "--server", herald.url)
  return { cli, exit }
}

describe("herald market history", () => {
  it("HW1 shows prices digit by digit, and the command that goes on behind them", async () => {
    await using herald = await FakeHerald.start()
    const exact = "90071992547409931.123456789"
    herald.on(PATH, page([bar(0, exact), bar(MINUTE, "1.5", { final: false, revision: 3 })], "120000"))
    const { cli, exit } = await asked(
      herald,
      ...["history", "BTC/USD", "--start", "1970-01-01", "--end", "1970-01-02", "--limit", "2", "--fill", "previous"]
    )
    assert.strictEqual(exit, 0, cli.said)
    assert.include(cli.printed, exact)
    assert.include(cli.printed, "0.000000000000000001")
    assert.match(cli.printed, /1\.5 .*open, revision 3/)
    assert.include(
      cli.printed,
      "herald market history BTC/USD --interval 1m --limit 2 --fill previous --end 1970-01-02T00:00:00.000Z --cursor 120000"
    )
    assert.deepInclude(herald.last.query, { start_time: "0", end_time: "86400000", interval: "1m", limit: "2" })
  })

  it("HW1 asks page by page for more than one has, and ends at the limit", async () => {
    await using herald = await FakeHerald.start()
    herald.on(PATH, page(many(1_000), "60000000"), page(many(500), "90000000"))
    const cli = terminal()
    assert.strictEqual(await cli.run("market", "history", "BTC/USD", "--limit", "1500", "--server", herald.url), 0)
    assert.deepInclude(cli.json, { count: 1_500, has_more: true, cursor: "90000000" })
    assert.lengthOf(cli.json.data, 1_500)
    assert.deepInclude(herald.requests[0]!.query, { limit: "1000", start_time: String(NOW - 1_500 * MINUTE) })
    assert.deepInclude(herald.requests[1]!.query, { limit: "500", cursor: "60000000" })
    assert.notProperty(herald.requests[1]!.query, "start_time")
    assert.lengthOf(herald.requests, 2)
  })

  it("HW2 without a time the newest bars are shown, although nothing was traded of late", async () => {
    await using herald = await FakeHerald.start()
    const traded = NOW - 200 * MINUTE
    const shown = { symbol: "BTC/USD", exchange: "X", price: "1", size: "1", currency: "", timestamp: iso(traded) }
    const latest = {
      ...shown,
      ts_event: `${traded}000000`,
      ts_recv: null,
      sequence: "1",
      id: "1",
      conditions: [],
      session: "regular",
      market: "closed"
    }
    const newest = { body: { ...latest, age_ms: 1, stale: true, quote: null, topics: ["t"], left_out: [] } }
    herald.on("GET /v1/market-data/BTC%2FUSD/latest", newest)
    herald.on(PATH, page(many(1)), page(many(2)))
    const { cli, exit } = await asked(herald, "history", "BTC/USD", "--limit", "2", "--exchange", "X")
    assert.strictEqual(exit, 0, cli.said)
    assert.lengthOf(cli.printed.match(/final/g)!, 2)
    const end = (Math.floor(traded / MINUTE) + 1) * MINUTE
    assert.deepInclude(herald.last.query, { end_time: String(end), limit: "2", exchange: "X" })
    assert.lengthOf(herald.requests, 3)
    for (const args of [
      ["--start", "1h"],
      ["--end", "1h"],
      ["--cursor", "12345"],
      ["--limit", "1"]
    ]) {
      const before = herald.requests.length
      herald.on(PATH, page(many(1)))
      await asked(herald, "history", "BTC/USD", ...args)
      assert.lengthOf(herald.requests, before + 1)
    }
  })

  it("HW1 takes how long ago for a time, and says what is no time, before anything is asked", async () => {
    await using herald = await FakeHerald.start()
    herald.on(PATH, page([]))
    await asked(herald, "history", "BTC/USD", "--start", "90m")
    assert.strictEqual(herald.last.query["start_time"], String(NOW - 90 * MINUTE))
    for (const [args, what] of [
      [["--start", "yesterday"], "--start: "],
      [["--end", "2026-01-31T09:30:00"], "has no zone"],
      [["--limit", "0"], "--limit 0"],
      [["--start", "1h", "--cursor", "12345"], "Leave one of them out"]
    ] as const) {
      const { cli, exit } = await asked(herald, "history", "BTC/USD", ...args)
      assert.strictEqual(exit, 2)
      assert.include(cli.said, what)
    }
    assert.lengthOf(herald.requests, 1)
  })
})

describe("herald market latest, symbols", () => {
  it("HW1 a symbol that is not there: where to see which there are", async () => {
    await using herald = await FakeHerald.start()
    herald.on("GET /v1/market-data/aapl/latest", problem("NoMarketData", "there is no market data of aapl"))
    const { cli, exit } = await asked(herald, "latest", "aapl")
    assert.strictEqual(exit, 4)
    assert.include(cli.said, "herald market symbols")
  })

  it("HW1 lists all pages", async () => {
    await using herald = await FakeHerald.start()
    const listed = (symbol: string, cursor: string | null) => ({
      body: { data: [{ symbol, exchange: "KRAKEN" }], count: 1, has_more: cursor !== null, cursor }
    })
    herald.on("GET /v1/market-data", listed("BTC-USD", "BTC-USD KRAKEN"), listed("BTC-EUR", null))
    const { cli } = await asked(herald, "symbols", "BTC-")
    assert.match(cli.printed, /BTC-USD +KRAKEN\nBTC-EUR +KRAKEN/)
    assert.deepInclude(herald.last.query, { prefix: "BTC-", cursor: "BTC-USD KRAKEN" })
  })
})
