/** `herald market` beside a real server: what is published is looked at, and followed while the server is killed. */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

const bin = fileURLToPath(new URL("../../bin/herald.js", import.meta.url))
const TOPIC = "market-data/normalized/test"
const EVENTS = `/v1/topics/${encodeURIComponent(TOPIC)}/events`
const EXACT = "4503599627.370497001"

let server: Server
beforeAll(async () => {
  server = await startServer()
  assert.strictEqual((await server.call("POST", "/v1/topics", { name: TOPIC, partitions: 2 })).status, 201)
})
afterAll(() => server[Symbol.asyncDispose]())

const begin = (...args: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, [bin, "market", ...args], {
    env: { PATH: process.env["PATH"], HERALD_DATA: server.data },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const said = { out: "", err: "" }
  child.stdout.on("data", (chunk) => (said.out += String(chunk)))
  child.stderr.on("data", (chunk) => (said.err += String(chunk)))
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve))
  const lines = () =>
    said.out
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  return { child, said, ended, lines }
}
const run = async (...args: ReadonlyArray<string>) => {
  const { said, ended } = begin(...args)
  return { exit: await ended, ...said }
}
let made = 0
const publish = async (...trades: ReadonlyArray<readonly [symbol: string, exchange: string, price: string]>) => {
  const events = trades.map(([symbol, exchange, price]) => {
    const id = ++made
    const at = new Date(Date.now() - 5 * 60_000 + id).toISOString()
    return {
      key: symbol,
      value: { symbol, exchange, price, size: "0.000000000000000001", id: `t${id}`, timestamp: at }
    }
  })
  assert.strictEqual((await server.call("POST", EVENTS, { events })).status, 200)
}

describe("herald market", () => {
  it("HW1 shows symbols, what was last and bars, each price in all of its digits", async () => {
    await publish(["BTC/USD", "KRAKEN", "100.5"], ["BTC/USD", "KRAKEN", EXACT], ["ETH/USD", "KRAKEN", "7"])
    const latest = await waitUntil("what was last", async () => {
      const told = await run("latest", "BTC/USD")
      return told.exit === 0 && JSON.parse(told.out).price === EXACT && JSON.parse(told.out)
    })
    assert.deepInclude(latest, { size: "0.000000000000000001", exchange: "KRAKEN" })
    const bars = await run("history", "BTC/USD", "--start", "3h", "--interval", "1h", "-o", "table")
    assert.strictEqual(bars.exit, 0, bars.err)
    assert.include(bars.out, EXACT)
    const { data, has_more } = JSON.parse((await run("history", "BTC/USD", "--start", "2h", "--limit", "100")).out)
    assert.isAbove(data.length, 0)
    assert.isFalse(has_more)
    assert.sameDeepMembers(JSON.parse((await run("symbols")).out), [
      { symbol: "BTC/USD", exchange: "KRAKEN" },
      { symbol: "ETH/USD", exchange: "KRAKEN" }
    ])
    const none = await run("latest", "btc/usd")
    assert.strictEqual(none.exit, 4)
    assert.include(none.err, "herald market symbols")
  })

  it("YQ1 follows some symbols of some exchanges, each trade once, over kill -9 of the server", async () => {
    const seen = begin("stream", "KO", "PEP", "--exchange", "NYSE", "--from", "earliest", "--json")
    await publish(["KO", "NYSE", "61.1"], ["KO", "NASDAQ", "61.2"], ["MSFT", "NYSE", "400"], ["PEP", "NYSE", "61.3"])
    await waitUntil(`what there was ${seen.said.err}`, () => seen.lines().length === 2)
    await server.end("SIGKILL")
    await waitUntil("a word of it", () => seen.said.err.includes("disconnected"))
    await server.start()
    await publish(["PEP", "NYSE", EXACT])
    await waitUntil("what came after it", () => seen.lines().length === 3)
    assert.sameMembers(
      seen.lines().map(({ price }) => price),
      ["61.1", "61.3", EXACT]
    )
    assert.include(seen.said.err, "connected again")
    seen.child.kill("SIGINT")
    assert.strictEqual(await seen.ended, 130)
  })

  it("WZ2 the REST port in place of gRPC's, and gRPC's in place of REST's, are told as that", async () => {
    const { host } = new URL(server.http)
    const stream = await run("stream", "--grpc", host)
    assert.strictEqual(stream.exit, 7)
    assert.include(stream.err, "does not speak gRPC")
    const secured = await run("stream", "--grpc", `https://${server.grpc}`)
    assert.strictEqual(secured.exit, 7)
    assert.include(secured.err, "does not speak TLS")
    const rest = await run("symbols", "--server", `http://${server.grpc}`)
    assert.strictEqual(rest.exit, 7)
    assert.include(rest.err, "Herald's gRPC port")
  })
})
