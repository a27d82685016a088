/** From a market to bars: a feed publishes, Herald and its database die meanwhile, and bars are what one computes by hand from the events. */
import { spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { type Server, startServer } from "../support/Server.ts"
import { finalTrades, type Said, straightBars, toldBars } from "../support/StraightBars.ts"
import { waitUntil } from "../support/waitUntil.ts"

const bin = fileURLToPath(new URL("../../bin/herald.js", import.meta.url))
const TOPIC = "market-data/normalized/demo"
const WIDTHS = { "1m": 60_000, "5m": 300_000, "1h": 3_600_000, "1d": 86_400_000 } as const

const demo = (server: Server, ...args: ReadonlyArray<string>) => {
  const where = ["--server", server.http, "--grpc", server.grpc, "--token", server.token]
  const child = spawn(process.execPath, [bin, "demo", "market", ...where, ...args], {
    env: { PATH: process.env["PATH"] },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const seen = { out: "", err: "" }
  child.stdout.on("data", (chunk) => (seen.out += String(chunk)))
  child.stderr.on("data", (chunk) => (seen.err += String(chunk)))
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve))
  return { child, seen, ended }
}

const published = async (server: Server): Promise<number> =>
  (await server.call("GET", `/v1/topics/${encodeURIComponent(TOPIC)}/stats`)).body.events ?? 0

/** All payloads of the topic. */
const eventsOf = async (server: Server): Promise<ReadonlyArray<Said>> => {
  const all: Array<Said> = []
  for (let from = "earliest"; ; ) {
    const query = `from=${encodeURIComponent(from)}&limit=1000&as=text`
    const { body } = await server.call("GET", `/v1/topics/${encodeURIComponent(TOPIC)}/events?${query}`)
    for (const { value } of body.events) all.push(JSON.parse(value))
    if (body.live) return all
    from = body.next
  }
}

/** Page by page, three bars in each. */
const barsOf = async (server: Server, symbol: string, interval: string): Promise<ReadonlyArray<string>> => {
  const bars: Array<string> = []
  for (let cursor = ""; ; ) {
    const query = `start_time=2026-01-01T00:00:00Z&interval=${interval}&limit=3${cursor}`
    const { status, body } = await server.call("GET", `/api/v1/market-data/${symbol}/history?${query}`)
    if (status === 404) return []
    assert.strictEqual(status, 200, JSON.stringify(body))
    assert.strictEqual(body.count, body.data.length)
    assert.strictEqual(body.has_more, body.cursor !== null)
    bars.push(...toldBars(body.data))
    if (!body.has_more) return bars
    cursor = `&cursor=${body.cursor}`
  }
}

const postmasterOf = ({ data }: Server): number => {
  const file = join(data, "postgres", "postmaster.pid")
  return existsSync(file) ? Number(readFileSync(file, "utf8").split("\n")[0]) : 0
}

describe("market data, end to end", () => {
  it("MB1 MX1 MJ3 MY2 bars are those of the events, over the death of the server and of its database", async () => {
    await using server = await startServer()
    const symbols = ["AAPL", "KO", "BTC-USD"]
    const limit = 12_000
    const { seen, ended } = demo(
      server,
      "--rate",
      "1500",
      "--seed",
      "7",
      "--limit",
      String(limit),
      "--symbols",
      symbols.join(",")
    )
    await waitUntil("a third of the events", async () => (await published(server)) > limit / 4)
    await server.end("SIGKILL")
    await server.start()
    const before = await waitUntil("events after that", async () => {
      const now = await published(server)
      return now > limit / 3 && now
    })
    process.kill(postmasterOf(server), "SIGKILL")
    await waitUntil("events after that", async () => (await published(server)) > before)
    assert.strictEqual(await ended, 0, seen.err)
    assert.strictEqual(JSON.parse(seen.out).events, limit)

    const events = await eventsOf(server)
    // What was sent again because its answer was lost is there once.
    assert.lengthOf(events, limit)
    assert.isAbove(events.filter(({ type }) => type === "correction" || type === "cancel").length, 3)
    for (const symbol of symbols) {
      const trades = finalTrades(events, symbol)
      assert.isAbove(trades.length, 100)
      for (const [interval, millis] of Object.entries(WIDTHS)) {
        if (millis > 60_000 && symbol !== "BTC-USD") continue // a day of New York is not one of UTC, and sessions may end within
        const expected = straightBars(trades, millis)
        let found: ReadonlyArray<string> = []
        await waitUntil(`bars of ${symbol} by ${interval}`, async () => {
          found = await barsOf(server, symbol, interval)
          return found.join() === expected.join()
        }).catch(() => {})
        assert.deepStrictEqual(found, expected)
      }
      const last = trades.findLast(({ conditions = [] }) => !conditions.includes("I"))!
      const { body } = await server.call("GET", `/api/v1/market-data/${symbol}/latest`)
      assert.deepInclude(body, { symbol, id: last.id, price: Number(last.price).toString(), stale: false })
    }
  })

  it("DK2 the demo ends nicely when it is told to", async () => {
    await using server = await startServer()
    const { child, seen, ended } = demo(server, "--rate", "500")
    await waitUntil("events", async () => (await published(server)) > 100)
    child.kill("SIGINT")
    assert.strictEqual(await ended, 130, seen.err)
    const [, said] = /^(\d+) events published$/m.exec(seen.err) ?? assert.fail(seen.err)
    assert.strictEqual(await published(server), Number(said))
  })
})
