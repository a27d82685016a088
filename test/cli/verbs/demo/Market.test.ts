import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Topics } from "herald/client"
import { OpenTopics } from "../../../../src/cli/verbs/demo/Market.ts"
import { readTick } from "../../../../src/marketdata/ReadTick.ts"
import { FakeHerald, problem } from "../../../support/FakeHerald.ts"
import { FakeTopic } from "../../../support/FakeTopic.ts"
import { type TerminalOptions, terminal } from "../../../support/Terminal.ts"
import { until } from "../../../support/turn.ts"

const TOPIC = "market-data/normalized/demo"
const PATH = `/v1/topics/${encodeURIComponent(TOPIC)}`
const found = {
  ...{
    name: TOPIC,
    partitions: 2,
    retention: "1d",
    log: "postgres",
    compression: "zstd",
    schema: null,
    schemaVersion: 0
  },
  ...{ enabled: true, description: "", version: 1, createdAt: 0, createdBy: "ann", updatedAt: 0 }
}

const started = (herald: FakeHerald, server: FakeTopic, options: TerminalOptions, ...args: ReadonlyArray<string>) => {
  const cli = terminal(options)
  const topics = () => Promise.resolve(new Topics({ address: "127.0.0.1:1" }, { transport: server }))
  const where = ["--server", herald.url, "--grpc", "127.0.0.1:1", "--token", "secret"]
  return {
    cli,
    fiber: Effect.runFork(
      cli.effect("demo", "market", ...where, ...args).pipe(Effect.provideService(OpenTopics, topics))
    )
  }
}
const payloads = (server: FakeTopic) => server.partitions.flatMap(({ events }) => events.map(({ event }) => event))

describe("herald demo market", () => {
  it("DK1 publishes as many events as were asked for, to a topic that it makes, by symbol", async () => {
    await using herald = await FakeHerald.start()
    herald.on(`GET ${PATH}`, problem("NoSuchTopic", "there is none")).on("POST /v1/topics", { body: found })
    const server = new FakeTopic(2)
    const args = ["--limit", "300", "--rate", "100000", "--symbols", "AAPL,BTC-USD", "--seed", "7"]
    const { cli, fiber } = started(herald, server, {}, ...args)
    assert.strictEqual(await Effect.runPromise(Fiber.join(fiber)), 0, cli.said)
    assert.deepInclude(cli.json, { topic: TOPIC, seed: 7, events: 300 })
    assert.deepInclude(herald.requests[1]?.body, { name: TOPIC, partitions: 4 })
    const events = payloads(server)
    assert.lengthOf(events, 300)
    for (const { key, payload } of events) {
      const tick = readTick(payload)
      assert.strictEqual(typeof tick === "string" ? tick : tick.symbol, key)
    }
  })

  it("DK2 ended in the middle, it waits for what is under way, and says how much there was", async () => {
    await using herald = await FakeHerald.start()
    herald.on(`GET ${PATH}`, { body: found })
    const server = new FakeTopic(2)
    const { cli, fiber } = started(herald, server, { terminal: true, columns: 80 }, "--rate", "1000")
    await until(() => payloads(server).length > 100)
    await Effect.runPromise(Fiber.interrupt(fiber))
    assert.include(cli.said, `${payloads(server).length} events published`)
    assert.strictEqual(cli.lives.at(-1), "")
  })

  it("DK3 a topic that is there and is none of market data is left alone, unless a person says yes", async () => {
    await using herald = await FakeHerald.start()
    herald.on("GET /v1/topics/orders", { body: { ...found, name: "orders" } })
    const run = async (options: TerminalOptions, ...args: ReadonlyArray<string>) => {
      const server = new FakeTopic(2)
      const { cli, fiber } = started(herald, server, options, "--topic", "orders", "--limit", "3", ...args)
      return { exit: await Effect.runPromise(Fiber.join(fiber)), cli, count: payloads(server).length }
    }
    const alone = await run({})
    assert.deepStrictEqual([alone.exit, alone.count], [2, 0])
    assert.include(alone.cli.said, "is no topic of market data")
    assert.include(
      (await run({}, "--partitions", "9", "--yes")).cli.said,
      "with 2 partitions: --partitions does nothing"
    )
    const yes = await run({}, "--yes")
    assert.deepStrictEqual([yes.exit, yes.count], [0, 3])
    for (const [answer, count] of [
      ["no", 0],
      ["yes", 3]
    ] as const)
      assert.strictEqual((await run({ terminal: true, answer })).count, count)
    herald.on("GET /v1/topics/orders", { body: { ...found, description: "A random market: herald demo market" } })
    assert.strictEqual((await run({})).count, 3)
  })

  it("DK2 says what is wrong with what it was given", async () => {
    for (const [args, what] of [
      [["--rate", "0"], "--rate 0 is not 1 to 100000"],
      [["--partitions", "0"], "--partitions 0 is not 1 to 256"],
      [["--symbols", "AAPL,no symbol"], "no symbol is no symbol"]
    ] as const) {
      const cli = terminal({ terminal: true })
      assert.strictEqual(await cli.run("demo", "market", ...args), 2)
      assert.include(cli.said, what)
    }
  })
})
