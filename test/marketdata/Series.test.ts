import { assert, describe, it } from "@effect/vitest"
import { EMPTY } from "../../src/marketdata/Bar.ts"
import { ALWAYS, US_EQUITIES } from "../../src/marketdata/Calendar.ts"
import { decimalText } from "../../src/marketdata/Decimal.ts"
import { Gathering, type PlacedTrade } from "../../src/marketdata/Gathering.ts"
import { candlesOf, filled, isFinal, type StoredBar, sessionsOf } from "../../src/marketdata/Series.ts"
import { millisOf } from "../../src/marketdata/Tick.ts"
import { SECOND, TEN, trade } from "../support/Trades.ts"

const MINUTE = 60_000
const ten = millisOf(TEN)
const rows = (trades: ReadonlyArray<PlacedTrade>): ReadonlyArray<StoredBar> => {
  const gathering = new Gathering()
  for (const one of trades) gathering.add(one)
  return gathering
    .minutes()
    .map(({ exchange, session, start, bar }) => ({ exchange, session, start, bar, revision: 1 }))
    .sort((a, b) => a.start - b.start)
}
const minutesOn = (minutes: number, more: Partial<PlacedTrade> = {}) =>
  trade({ tsEvent: TEN + BigInt(minutes) * 60n * SECOND, offset: minutes, ...more })

describe("Series", () => {
  it("MW1 flat bars stand where nothing was traded, with the last price and no volume, from the first known price on", () => {
    const candles = candlesOf(ALWAYS, "1m", rows([minutesOn(1, { price: 7n }), minutesOn(3, { price: 9n })]))
    const range = { from: ten, until: ten + 6 * MINUTE, limit: 100 }
    const all = filled(ALWAYS, "1m", candles, range, sessionsOf("all"), undefined)
    assert.deepStrictEqual(
      all.map(({ start, filled, bar }) => [(start - ten) / MINUTE, filled, bar.close?.price, decimalText(bar.volume)]),
      [
        [1, false, 7n, "1"],
        [2, true, 7n, "0"],
        [3, false, 9n, "1"],
        [4, true, 9n, "0"],
        [5, true, 9n, "0"]
      ]
    )
    const [before] = candlesOf(ALWAYS, "1m", rows([minutesOn(-9, { price: 5n })]))
    const known = filled(ALWAYS, "1m", candles, { ...range, limit: 2 }, sessionsOf("all"), before!.bar)
    assert.deepStrictEqual(
      known.map(({ bar }) => bar.close?.price),
      [5n, 7n]
    )
  })

  it("MW3 where all that was traded was taken back there is no bar, or a flat one; of what others told nothing is gone", () => {
    const emptied = (row: StoredBar): StoredBar => ({ ...row, bar: EMPTY, revision: 2 })
    const [first, second, third] = rows([minutesOn(0, { price: 5n }), minutesOn(1), minutesOn(2, { price: 9n })])
    const beside = { ...second!, exchange: "OTHER" }
    const all = [first!, emptied(second!), third!]
    const starts = (of: ReadonlyArray<StoredBar>) =>
      candlesOf(ALWAYS, "1m", of).map(({ start, revision }) => [(start - ten) / MINUTE, revision])
    assert.deepStrictEqual(starts(all), [
      [0, 1],
      [2, 1]
    ])
    assert.deepStrictEqual(starts([emptied(second!), beside]), [[1, 3]])
    const range = { from: ten, until: ten + 3 * MINUTE, limit: 100 }
    const flat = filled(ALWAYS, "1m", candlesOf(ALWAYS, "1m", all), range, sessionsOf("all"), undefined)
    assert.deepStrictEqual(
      flat.map(({ filled, bar }) => [filled, bar.close?.price]),
      [
        [false, 5n],
        [true, 5n],
        [false, 9n]
      ]
    )
  })

  it("MW1 nothing is filled in while a venue is closed, or where another session was asked for", () => {
    const close = ten + 6 * 60 * MINUTE
    const of = { exchange: "XNYS", symbol: "A" }
    const candles = candlesOf(US_EQUITIES, "1m", rows([trade({ ...of, tsEvent: TEN + 6n * 3_600n * SECOND - SECOND })]))
    const range = { from: close - MINUTE, until: close + 300 * MINUTE, limit: 1_000 }
    const regular = filled(US_EQUITIES, "1m", candles, range, sessionsOf("regular"), undefined)
    assert.strictEqual(regular.length, 1)
    const all = filled(US_EQUITIES, "1m", candles, range, sessionsOf("all"), undefined)
    assert.strictEqual(all.length, 1 + 240) // until eight in the evening
    const days = filled(
      US_EQUITIES,
      "1d",
      [],
      { from: ten, until: ten + 7 * 1_440 * MINUTE, limit: 99 },
      ["regular"],
      candles[0]!.bar
    )
    assert.strictEqual(days.length, 4) // a Friday, a weekend, a holiday, Tuesday to Thursday
  })

  it("MW1 a time long before the first trade is passed by at once", () => {
    const candles = candlesOf(ALWAYS, "1m", rows([minutesOn(0)]))
    const range = { from: 0, until: ten + 3 * MINUTE, limit: 1_000 }
    const all = filled(ALWAYS, "1m", candles, range, sessionsOf("all"), undefined)
    assert.deepStrictEqual(
      all.map(({ start, filled }) => [(start - ten) / MINUTE, filled]),
      [
        [0, false],
        [1, true],
        [2, true]
      ]
    )
    assert.deepStrictEqual(filled(ALWAYS, "1m", [], range, sessionsOf("all"), undefined), [])
  })

  it("MB1 bars of several exchanges are put together by their start, and their revisions add up", () => {
    const two = [minutesOn(0, { exchange: "A", price: 1n }), minutesOn(0, { exchange: "B", price: 3n, sequence: 1n })]
    const [candle, ...others] = candlesOf(ALWAYS, "1m", rows(two))
    assert.strictEqual(others.length, 0)
    assert.deepStrictEqual([candle!.bar.low, candle!.bar.high, candle!.revision], [1n, 3n, 2])
  })

  it("MW2 a bar is final once the feed is as far behind its end as trades may be late", () => {
    assert.isFalse(isFinal("1m", ten, undefined))
    assert.isFalse(isFinal("1m", ten, ten + 14_999))
    assert.isTrue(isFinal("1m", ten, ten + 15_000))
    assert.isFalse(isFinal("1d", ten, ten + 15_000))
  })
})
