/** Market data at the gRPC door, as clients that nobody here wrote have it: grpc-js and generated code. */
import { assert, describe, it } from "@effect/vitest"
import { status } from "@grpc/grpc-js"
import {
  DataType,
  type Overflow,
  type StreamMarketDataRequest
} from "../../../../proto/generated/herald/marketdata/v1/marketdata.ts"
import { Door } from "../../../support/Door.ts"
import { traded } from "../../../support/MarketDays.ts"
import { Client, create, NAME, publish, said, sold } from "../../../support/MarketDoor.ts"
import { trade } from "../../../support/Trades.ts"
import { waitUntil } from "../../../support/waitUntil.ts"

describe("market data over gRPC", () => {
  it("MZ1 MZ3 MG2 each listener is told what it asked for, exactly, from where it asked for it", async () => {
    await using door = await Door.open()
    const { id } = await create(door)
    await publish(door, id, sold("old", "187.23"))
    const client = new Client(door)
    const { seen } = client.listen({ start: { $case: "earliest", value: true } })
    const some = client.listen({
      symbols: ["AAPL"],
      dataTypes: [DataType.DATA_TYPE_TRADE, DataType.DATA_TYPE_CORRECTION],
      filter: { exchanges: ["NASDAQ"], currencies: ["USD"], minPrice: "100", maxPrice: "200", minVolume: "10" }
    }).seen
    await waitUntil("both are live", () => seen.kinds.includes("live") && some.kinds.includes("live"))
    await publish(
      door,
      id,
      ...[sold("dear", "200.01"), sold("small", "150", { size: "9.9" }), sold("good", "0.15e3", { conditions: ["I"] })],
      ...[
        sold("other", "150", { symbol: "MSFT" }),
        "no tick",
        said({ type: "quote", bid: 150, bid_size: 1, ask: "150.000000001", ask_size: 2 })
      ],
      ...[
        said({ type: "cancel", id: "dear", ts_original: "5" }),
        sold("good", "151", { type: "correction", ts_original: "7" })
      ]
    )
    await waitUntil("all of it", () => seen.data.length === 8 && some.data.length === 2)
    assert.deepStrictEqual(some.ids, ["good", "good"])
    assert.deepStrictEqual(seen.ids, ["old", "dear", "small", "good", "other", "", "dear", "good"])
    assert.deepInclude(some.data[0], {
      ...{ type: DataType.DATA_TYPE_TRADE, symbol: "AAPL", exchange: "NASDAQ", currency: "USD", sequence: 0n },
      ...{ priceNanos: 150_000_000_000n, size: { unscaled: 105n, scale: 1 }, conditions: ["I"], offset: 3n },
      ...{ tsEventNs: 1_769_850_000_000_000_001n, tsRecvNs: 0n }
    })
    assert.deepInclude(some.data[1], {
      type: DataType.DATA_TYPE_CORRECTION,
      priceNanos: 151_000_000_000n,
      tsOriginalNs: 7n
    })
    assert.deepInclude(seen.data[5], {
      bid: { priceNanos: 150_000_000_000n, size: { unscaled: 1n, scale: 0 } },
      ask: { priceNanos: 150_000_000_001n, size: { unscaled: 2n, scale: 0 } }
    })
    assert.strictEqual(seen.kinds.filter((kind) => kind === "live").length, 1)
  })

  it("MZ1 MZ3 all topics that the caller may read, live once, and on from where one was", async () => {
    await using door = await Door.open()
    const first = await create(door)
    const second = await create(door, "market-data/normalized/eu", 2)
    await create(door, "market-data/raw")
    const client = new Client(door)
    const { seen, stream } = client.listen({})
    await waitUntil("live", () => seen.kinds.includes("live"))
    await publish(door, first.id, sold("a", "1"), sold("b", "2"))
    await publish(door, second.id, sold("c", "3"))
    await waitUntil("both", () => seen.data.length === 3)
    assert.deepStrictEqual(
      seen.kinds.filter((kind) => kind !== "batch"),
      ["started", "started", "live"]
    )
    const places = new Map<string, { topic: string; partition: number; epoch: number; offset: bigint }>()
    for (const { what } of seen.all) {
      if (what?.$case === "started")
        for (const one of what.value.positions) places.set(`${one.topic} ${one.partition}`, one)
      if (what?.$case !== "batch") continue
      const { topic, partition, epoch, nextOffset: offset } = what.value
      places.set(`${topic} ${partition}`, { topic, partition, epoch, offset })
    }
    assert.strictEqual(places.size, 3)
    stream.cancel()
    await publish(door, first.id, sold("d", "4"))
    const again = client.listen({ start: { $case: "positions", value: { positions: [...places.values()] } } }).seen
    await waitUntil("what was missed", () => again.data.length > 0)
    assert.deepStrictEqual(again.ids, ["d"])
  })

  it("MZ7 MG2 who names a symbol of which nothing was told yet is told that, and hears of it when it comes", async () => {
    await using door = await Door.open()
    const { id } = await create(door)
    await door.run(traded(NAME, [trade({ symbol: "AAPL" })]))
    const client = new Client(door)
    const { seen } = client.listen({ symbols: ["AAPL", "APPL"] })
    const known = client.listen({ symbols: ["AAPL"] }).seen
    const unheard = await waitUntil("what is not known", () => seen.all.find(({ what }) => what?.$case === "unheard"))
    assert.deepStrictEqual(unheard.what, { $case: "unheard", value: { symbols: ["APPL"] } })
    await waitUntil("both are live", () => [seen, known].every(({ kinds }) => kinds.includes("live")))
    await publish(door, id, sold("a", "1", { symbol: "APPL" }), sold("b", "1"))
    await waitUntil("all of it", () => seen.data.length === 2 && known.data.length === 1)
    assert.notInclude(known.kinds, "unheard")
    assert.lengthOf(
      seen.kinds.filter((kind) => kind === "unheard"),
      1
    )
  })

  it("MG3 MZ4 who takes nothing for a while holds up nobody, and misses nothing", async () => {
    await using door = await Door.open()
    const topics = [await create(door), await create(door, "market-data/normalized/eu")]
    const [quick, slow] = [new Client(door).listen({}), new Client(door, door.token, 65_535).listen({})]
    await waitUntil("both are live", () => [quick, slow].every(({ seen }) => seen.kinds.includes("live")))
    slow.stream.pause()
    const count = 6_000
    for (const { id } of topics)
      for (let n = 0; n < count; n += 1_000)
        await publish(door, id, ...Array.from({ length: 1_000 }, (_, i) => sold(`${id}-${n + i}`, "1.5")))
    await waitUntil("one to have all", () => quick.seen.data.length === topics.length * count)
    assert.isBelow(slow.seen.data.length, count)
    slow.stream.resume()
    await waitUntil("the other one, too", () => slow.seen.data.length === topics.length * count)
    for (const { seen } of [quick, slow])
      for (const { id } of topics)
        assert.deepStrictEqual(
          seen.ids.filter((one) => one.startsWith(`${id}-`)),
          Array.from({ length: count }, (_, n) => `${id}-${n}`)
        )
  })

  it("MG1 what can't be is refused in words", async () => {
    await using door = await Door.open()
    const client = new Client(door)
    const refused = async (request: Partial<StreamMarketDataRequest>) => {
      const { seen } = client.listen(request)
      await waitUntil("the end", () => seen.error)
      return `${status[seen.error!.code]} ${seen.error!.details}`
    }
    assert.include(await refused({}), "NOT_FOUND")
    assert.include(await refused({ topics: ["market-data/none"] }), "NOT_FOUND")
    await create(door)
    assert.include(await refused({ symbols: Array.from({ length: 65 }, () => "A") }), "INVALID_ARGUMENT")
    assert.include(await refused({ symbols: ['" || true'] }), "symbols: ")
    assert.include(await refused({ topics: ["a//b"] }), "topics: ")
    assert.include(await refused({ dataTypes: [DataType.DATA_TYPE_UNSPECIFIED] }), "data_types: ")
    assert.include(await refused({ overflow: 9 as Overflow }), "overflow")
    assert.include(await refused({ start: { $case: "timeMs", value: -1n } }), "time_ms")
    const position = { topic: NAME, partition: 0, epoch: 1, offset: 0n }
    assert.include(
      await refused({ start: { $case: "positions", value: { positions: [position, position] } } }),
      "twice"
    )
    const nobody = new Client(door, await door.key("viewer", ["production"])).listen({}).seen
    await waitUntil("the end", () => nobody.error)
    assert.strictEqual(nobody.error?.code, status.PERMISSION_DENIED)
  })
})
