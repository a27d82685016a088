/** Bars of real trades are the exchange's own, whatever the order and the parts in which the trades come. */
import { assert, describe, it } from "@effect/vitest"
import { EMPTY, idOf, type KeyedBar, merge } from "../../src/marketdata/Bar.ts"
import { ALWAYS } from "../../src/marketdata/Calendar.ts"
import { decimalText, priceOf } from "../../src/marketdata/Decimal.ts"
import { Gathering, type PlacedTrade, rolledUp } from "../../src/marketdata/Gathering.ts"
import { readTick } from "../../src/marketdata/ReadTick.ts"
import { candlesOf, filled, sessionsOf } from "../../src/marketdata/Series.ts"
import { dice } from "../support/Chance.ts"
import { krakenBars, krakenTrades } from "../support/krakenData.ts"
import { shuffled } from "../support/Trades.ts"

const MINUTE = 60_000

/** As a feed would publish them. Times of the file have seven digits behind the point at most. */
const trades = (): ReadonlyArray<PlacedTrade> =>
  krakenTrades().map(([price, size, seconds, , , , id], n) => {
    const ts_event = String(BigInt(Math.round(seconds * 1e7)) * 100n)
    const tick = readTick(
      new TextEncoder().encode(
        JSON.stringify({
          type: "trade",
          exchange: "KRAKEN",
          symbol: "XBTUSDT",
          price,
          size,
          ts_event,
          sequence: id,
          id
        })
      )
    )
    if (typeof tick === "string" || tick.kind !== "trade") throw new Error(String(tick))
    return { ...tick, epoch: 0, offset: n }
  })

const gathered = (some: ReadonlyArray<PlacedTrade>): ReadonlyArray<KeyedBar> => {
  const gathering = new Gathering()
  for (const trade of some) gathering.add(trade)
  return rolledUp(gathering.minutes())
}

describe("Bars of real trades", () => {
  it("MB1 MW1 are equal to the exchange's own in 20 orders and divisions, those without trades too", () => {
    const all = trades()
    const from = (Math.floor(Number(all[0]!.tsEvent / 1_000_000n) / MINUTE) + 1) * MINUTE
    const until = Math.floor(Number(all.at(-1)!.tsEvent / 1_000_000n) / MINUTE) * MINUTE
    const theirs = krakenBars()
      .map(([seconds, open, high, low, close, , volume, count]) => ({
        ...{
          start: seconds * 1_000,
          open: priceOf(open),
          high: priceOf(high),
          low: priceOf(low),
          close: priceOf(close)
        },
        ...{ volume: Number(volume) === 0 ? "0" : volume.replace(/\.?0+$/, ""), count }
      }))
      .filter(({ start }) => start >= from && start < until)
    assert.isAbove(theirs.filter(({ count }) => count > 0).length, 200)
    assert.isAbove(theirs.filter(({ count }) => count === 0).length, 100)

    for (let seed = 1; seed <= 20; seed++) {
      const { below } = dice(seed)
      const mixed = shuffled(seed, all)
      const stored = new Map<string, KeyedBar>()
      while (mixed.length > 0)
        for (const { bar, ...key } of gathered(mixed.splice(0, 1 + below(100)))) {
          const before = stored.get(idOf(key))?.bar ?? EMPTY
          stored.set(idOf(key), { ...key, bar: merge(before, bar) })
        }
      const rows = [...stored.values()]
        .filter(({ interval }) => interval === "1m")
        .map((one) => ({ ...one, revision: 1 }))
        .sort((a, b) => a.start - b.start)
      const candles = candlesOf(ALWAYS, "1m", rows)
      const before = candles.filter(({ start }) => start < from).at(-1)?.bar
      const range = { from, until, limit: 10_000 }
      const ours = filled(
        ALWAYS,
        "1m",
        candles.filter(({ start }) => start >= from),
        range,
        sessionsOf("all"),
        before
      )
      assert.deepStrictEqual(
        ours.map(({ start, bar: { open, high, low, close, volume, trades } }) => ({
          ...{ start, open: open!.price, high: high!, low: low!, close: close!.price },
          ...{ volume: decimalText(volume), count: trades }
        })),
        theirs,
        `seed ${seed}`
      )
    }
  })
})
