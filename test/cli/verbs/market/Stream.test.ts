import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import {
  MarketData,
  type StreamMarketDataRequest,
  type StreamMarketDataResponse
} from "../../../../proto/generated/herald/marketdata/v1/marketdata.ts"
import { OpenMarket } from "../../../../src/cli/verbs/market/Follow.ts"
import type { CallEvents, Ended } from "../../../../src/client/Transport.ts"
import { FakeHerald } from "../../../support/FakeHerald.ts"
import { terminal } from "../../../support/Terminal.ts"
import { until } from "../../../support/turn.ts"

const NANOS = 1_769_850_000_123_456_789n
const tick = (offset: number, price = 187_230_000_000n) =>
  MarketData.fromPartial({
    ...{ type: 1, symbol: "AAPL", exchange: "NASDAQ", offset: BigInt(offset), tsEventNs: NANOS, id: `t${offset}` },
    ...{ priceNanos: price, size: { unscaled: 9_007_199_254_740_993n, scale: 2 } }
  })
const batch = (next: number, ...data: ReadonlyArray<MarketData>): StreamMarketDataResponse => ({
  what: {
    $case: "batch",
    value: {
      ...{ topic: "m", partition: 3, epoch: 7, nextOffset: BigInt(next), leftOut: 0n, publishedMs: 0n, data: [...data] }
    }
  }
})
const started = (offset: number, epoch = 7): StreamMarketDataResponse => ({
  what: { $case: "started", value: { positions: [{ topic: "m", partition: 3, epoch, offset: BigInt(offset) }] } }
})
const live: StreamMarketDataResponse = { what: { $case: "live", value: {} } }
const ended = (message: string, more: Partial<Ended> = {}): Ended => ({
  ...{ status: 14, message, code: undefined, hopeless: false, reconnectAfterMillis: 1, ...more }
})

/** Streams as they were opened; what is said to each. */
const market = () => {
  const streams: Array<{
    readonly request: StreamMarketDataRequest
    readonly events: CallEvents<StreamMarketDataResponse>
    held: boolean
  }> = []
  const open = (request: StreamMarketDataRequest, events: CallEvents<StreamMarketDataResponse>) => {
    const stream = { request, events, held: false }
    streams.push(stream)
    return {
      send: () => true,
      hold: (held: boolean) => {
        stream.held = held
      },
      drop: () => {},
      finish: () => Promise.resolve()
    }
  }
  return { streams, calls: () => Promise.resolve({ open, close: () => {} }) }
}
const begun = async (
  args: ReadonlyArray<string>,
  options: Parameters<typeof terminal>[0] = {},
  server = "http://127.0.0.1:1"
) => {
  const { streams, calls } = market()
  const cli = terminal(options)
  const where = ["--server", server, "--grpc", "127.0.0.1:1"]
  const fiber = Effect.runFork(
    cli.effect("market", "stream", ...where, ...args).pipe(Effect.provideService(OpenMarket, calls))
  )
  await until(() => streams.length === 1)
  return { cli, streams, exit: () => Effect.runPromise(Fiber.join(fiber)) }
}

describe("herald market stream", () => {
  it("YQ1 a symbol of which nobody told is said, with what may be meant, and it goes on waiting", async () => {
    await using herald = await FakeHerald.start()
    const of = (...symbols: ReadonlyArray<string>) => ({
      body: {
        data: symbols.map((symbol) => ({ symbol, exchange: "NASDAQ" })),
        count: symbols.length,
        has_more: false,
        cursor: null
      }
    })
    herald.on("GET /v1/market-data", of("AAPL"), of("KO.B"), of("AAPL", "KO.B", "MSFT"), of())
    const { cli, streams, exit } = await begun(["AAPL,KO,NEVERHEARD", "--limit", "1"], {}, herald.url)
    await until(() => cli.said.includes("NEVERHEARD"))
    assert.include(cli.said, "there is no KO so far; is KO.B meant? (herald market symbols)")
    assert.include(cli.said, "there is no NEVERHEARD so far (herald market symbols)")
    assert.notInclude(cli.said, "no AAPL")
    for (const told of [started(0), live, batch(1, tick(0))]) streams[0]!.events.message(told)
    assert.strictEqual(await exit(), 0)
  })

  it("YQ1 shows each tick once over streams, goes on behind what was shown, and says what is gone", async () => {
    const { cli, streams, exit } = await begun(["AAPL,KO", "--from", "earliest", "--limit", "4"])
    assert.deepInclude(streams[0]!.request, { symbols: ["AAPL", "KO"], overflow: 0 })
    assert.deepStrictEqual(streams[0]!.request.start, { $case: "earliest", value: true })
    for (const told of [started(0), batch(2, tick(0), tick(1))]) streams[0]!.events.message(told)
    await until(() => cli.out.length === 2)
    streams[0]!.events.ended(ended("HRLD-5001 this server is leaving", { code: "HRLD-5001" }))
    await until(() => streams.length === 2)
    assert.deepStrictEqual(streams[1]!.request.start, {
      $case: "positions",
      value: { positions: [{ topic: "m", partition: 3, epoch: 7, offset: 2n }] }
    })
    for (const told of [started(4), batch(6, tick(1), tick(4), tick(5))]) streams[1]!.events.message(told)
    assert.strictEqual(await exit(), 0)
    const shown = cli.out.map((line) => JSON.parse(line))
    assert.deepStrictEqual(
      shown.map(({ offset }) => offset),
      [0, 1, 4, 5]
    )
    assert.deepInclude(shown[0], {
      ...{ topic: "m", partition: 3, epoch: 7, type: "trade", symbol: "AAPL", price: "187.23" },
      ...{ size: "90071992547409.93", ts_event: String(NANOS), timestamp: "2026-01-31T09:00:00.123Z" }
    })
    assert.include(cli.said, "disconnected: the server is leaving")
    assert.include(cli.said, "connected again")
    assert.include(cli.said, "partition 3 of m: no events from 2 to 4: they were kept as long as the topic says")
  })

  it("YQ1 with --once ends when everything that there was is shown", async () => {
    const { cli, streams, exit } = await begun(["--once", "--from", "15m"], { terminal: true })
    assert.strictEqual(streams[0]!.request.start?.$case, "timeMs")
    for (const told of [started(0), batch(1, tick(0)), live]) streams[0]!.events.message(told)
    assert.strictEqual(await exit(), 0)
    assert.match(cli.printed, /^2026-01-31T09:00:00.123Z +AAPL +NASDAQ +trade +187\.23 × 90071992547409\.93$/)
  })

  it("YQ2 what waits to be shown is bounded: the stream is held, and let go once it is shown", async () => {
    let release = () => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const { cli, streams, exit } = await begun(["--limit", "20000"], { reader: Effect.promise(() => gate) })
    const stream = streams[0]!
    let at = 0
    for (; !stream.held && at < 20_000; at += 100)
      stream.events.message(batch(at + 100, ...Array.from({ length: 100 }, (_, i) => tick(at + i))))
    assert.isTrue(stream.held)
    assert.isBelow(at, 20_000)
    release()
    await until(() => !stream.held)
    for (; at < 20_000; at += 100)
      stream.events.message(batch(at + 100, ...Array.from({ length: 100 }, (_, i) => tick(at + i))))
    assert.strictEqual(await exit(), 0)
    assert.lengthOf(cli.out, 20_000)
  })

  it("WZ1 WZ2 a refusal is said once and ends it; so does what is not Herald's port, and no later loss of it", async () => {
    const refused = await begun([])
    const fix = "See which there are: `herald topic list`; create it: `herald topic create <name>`."
    refused.streams[0]!.events.ended(
      ended(`there is no topic no/such. ${fix}`, { status: 5, code: "HRLD-2077", hopeless: false })
    )
    assert.strictEqual(await refused.exit(), 4)
    assert.match(refused.cli.said, /what {2}there is no topic no\/such$/m)
    assert.strictEqual(refused.cli.said.split("See which there are").length, 2)

    const wrong = await begun([])
    wrong.streams[0]!.events.ended(ended("Protocol error"))
    assert.strictEqual(await wrong.exit(), 7)
    assert.include(wrong.cli.said, "does not speak gRPC")

    const later = await begun(["--limit", "1"])
    later.streams[0]!.events.message(started(0))
    await Effect.runPromise(Effect.yieldNow)
    later.streams[0]!.events.ended(ended("connect ECONNREFUSED 127.0.0.1:1"))
    await until(() => later.streams.length === 2)
    later.streams[1]!.events.message(batch(1, tick(0)))
    assert.strictEqual(await later.exit(), 0)
  })

  it("YQ1 says what is wrong with what was typed, before a stream is opened", async () => {
    for (const [args, what] of [
      [["--type", "trades"], "--type: trades is none"],
      [["--from", "yesterday"], "--from: "],
      [["--limit", "0"], "--limit is 1 or more"]
    ] as const) {
      const cli = terminal()
      assert.strictEqual(await cli.run("market", "stream", ...args), 2)
      assert.include(cli.said, what)
    }
  })
})
