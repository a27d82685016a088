/** `herald topic tail` with a filter, over gRPC, on a real server that is killed meanwhile. */
import { spawn } from "node:child_process"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { type Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

let server: Server
beforeAll(async () => {
  server = await startServer()
  assert.strictEqual((await server.call("POST", "/v1/topics", { name: "ticks", partitions: 2 })).status, 201)
})
afterAll(() => server[Symbol.asyncDispose]())

const bin = new URL("../../bin/herald.js", import.meta.url).pathname
const tail = (...args: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, [bin, "topic", "tail", ...args], {
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
const publish = async (...prices: ReadonlyArray<number>) => {
  const events = prices.map((price) => ({ key: `k${price % 5}`, value: { price, note: "x" } }))
  assert.strictEqual((await server.call("POST", "/v1/topics/ticks/events", { events })).status, 200)
}
const prices = (lines: ReadonlyArray<{ readonly value: { readonly price: number } }>) =>
  lines.map(({ value }) => value.price).sort((a, b) => a - b)

describe("herald topic tail --filter", () => {
  it("YG1 shows what the filter takes, once each, over kill -9 of the server, and ends with Ctrl-C", async () => {
    await publish(50.5, 150.5, 250.5)
    const args = ["ticks", "--from", "earliest", "--filter", "price > 100.0", "--fields", "price", "--json"]
    const seen = tail(...args)
    await waitUntil(`what there was ${seen.said.err}`, () => seen.lines().length === 2)
    await publish(350.5, 60.5)
    await waitUntil("what is new", () => seen.lines().length === 3)
    await server.end("SIGKILL")
    await waitUntil("a word of it", () => seen.said.err.includes("disconnected"))
    await server.start()
    await publish(450.5)
    await waitUntil("what came after it", () => seen.lines().length === 4)
    assert.deepStrictEqual(prices(seen.lines()), [150.5, 250.5, 350.5, 450.5])
    assert.deepStrictEqual(seen.lines()[0].value.note, undefined)
    await waitUntil("a word that it is back", () => seen.said.err.includes("connected again"))
    seen.child.kill("SIGINT")
    await seen.ended
    assert.isFalse(seen.said.err.includes("HRLD-"))

    const once = tail(...args, "--once", "--limit", "3")
    assert.strictEqual(await once.ended, 0)
    assert.lengthOf(once.lines(), 3)
  })

  it("WR1 says how many events a filter took, and why it took none", async () => {
    const held = tail("ticks", "--from", "earliest", "--once", "--filter", "price > 0.0")
    assert.strictEqual(await held.ended, 0)
    const all = held.lines().length
    assert.include(held.said.err, `${all} of ${all} events taken`)
    const missing = tail("ticks", "--from", "earliest", "--once", "--filter", 'exchange == "NASDAQ"')
    assert.strictEqual(await missing.ended, 0)
    assert.strictEqual(
      missing.said.err.trim(),
      `0 of ${all} events taken; ${all} without the field "exchange", or with one of another type`
    )
    // Who goes on listening is told while it does.
    const listening = tail("ticks", "--from", "earliest", "--filter", "exchange.size() / 0 > 1")
    await waitUntil(`a word of it ${listening.said.err}`, () =>
      /without the field|with an error/.test(listening.said.err)
    )
    listening.child.kill("SIGINT")
    await listening.ended
  })

  it("YG1 says what is wrong with a filter, a topic and a beginning", async () => {
    const wrong = tail("ticks", "--filter", "price >", "--once")
    assert.notStrictEqual(await wrong.ended, 0)
    assert.match(wrong.said.err, /HRLD-/)
    const none = tail("no/such", "--filter", "true", "--once")
    assert.strictEqual(await none.ended, 4)
    const begin = tail("ticks", "--filter", "true", "--from", "yesterday")
    assert.strictEqual(await begin.ended, 2)
  })
})
