import { assert, describe, it } from "@effect/vitest"
import { RandomMarket, USUAL } from "../../src/marketdata/RandomMarket.ts"
import { readTick } from "../../src/marketdata/ReadTick.ts"
import type { Tick } from "../../src/marketdata/Tick.ts"

/** A Friday, ten in the morning in New York. */
const BEGIN = BigInt(Date.UTC(2026, 10, 27, 15)) * 1_000_000n
const payloads = (seed: number, count: number, symbols: ReadonlyArray<string> = USUAL) => {
  const market = new RandomMarket({ symbols, seed })
  return Array.from({ length: count }, (_, n) => market.next(BEGIN + BigInt(n) * 10_000_000n)!.payload)
}
const tickOf = (payload: string): Tick => {
  const tick = readTick(Buffer.from(payload))
  return typeof tick === "string" ? assert.fail(`${tick}: ${payload}`) : tick
}

describe("RandomMarket", () => {
  it("MY1 the same seed gives the same market, and another one another", () => {
    assert.deepStrictEqual(payloads(7, 2_000), payloads(7, 2_000))
    assert.notDeepEqual(payloads(7, 2_000), payloads(8, 2_000))
  })

  it("MY2 every event is a tick, ids are one trade's, and what is taken back or corrected was told and is so once", () => {
    const ids = new Map<string, bigint>()
    const kinds = new Map<string, number>()
    for (const payload of payloads(7, 20_000, [...USUAL, "ODD", "XX/EUR"])) {
      const tick = tickOf(payload)
      kinds.set(tick.kind, (kinds.get(tick.kind) ?? 0) + 1)
      if (tick.kind === "quote") {
        assert.isTrue(tick.bid!.price < tick.ask!.price)
        continue
      }
      const id = `${tick.exchange} ${tick.symbol} ${tick.id}`
      if (tick.kind === "trade") {
        assert.isFalse(ids.has(id))
        ids.set(id, tick.tsEvent)
      } else {
        assert.strictEqual(ids.get(id), tick.tsOriginal)
        ids.set(id, -1n)
      }
    }
    for (const kind of ["trade", "quote", "cancel", "correction"]) assert.isAbove(kinds.get(kind) ?? 0, 10, kind)
  })

  it("MY2 prices stay near where they were: minutes move none by a tenth", () => {
    const prices = payloads(3, 20_000, ["AAPL"])
      .map(tickOf)
      .flatMap((tick) => (tick.kind === "trade" ? [Number(tick.price)] : []))
    const [least, most] = [Math.min(...prices), Math.max(...prices)]
    assert.isAbove(most, least)
    assert.isBelow(most / least, 1.1)
  })

  it("MY2 with hours, a share is not traded at night, and a coin is", () => {
    const night = BigInt(Date.UTC(2026, 10, 28, 5)) * 1_000_000n
    const told = (symbol: string, at: bigint) => {
      const market = new RandomMarket({ symbols: [symbol], seed: 1, hours: true })
      return Array.from({ length: 100 }, (_, n) => market.next(at + BigInt(n))).filter((one) => one !== undefined)
        .length
    }
    assert.strictEqual(told("AAPL", night), 0)
    assert.strictEqual(told("AAPL", BEGIN), 100)
    assert.strictEqual(told("BTC-USD", night), 100)
  })
})
