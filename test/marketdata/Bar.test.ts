import { assert, describe, it } from "@effect/vitest"
import { acrossSessions, averageOf, barOf, EMPTY, idOf, type KeyedBar, merge } from "../../src/marketdata/Bar.ts"
import { countsOf, NO_RULES } from "../../src/marketdata/Conditions.ts"
import { decimalText } from "../../src/marketdata/Decimal.ts"
import { Gathering, type PlacedTrade, rolledUp } from "../../src/marketdata/Gathering.ts"
import { dice } from "../support/Chance.ts"
import { decimal, drawn, SECOND, shuffled, TEN, trade } from "../support/Trades.ts"

const COUNTS = countsOf(NO_RULES, [], "regular")
const gathered = (trades: ReadonlyArray<PlacedTrade>) => {
  const gathering = new Gathering()
  for (const one of trades) gathering.add(one)
  return gathering
}

/** As texts, in the order of their ids: scales of sums differ by the order in which they were summed up. */
const told = (bars: Iterable<KeyedBar>) =>
  [...bars]
    .map(({ bar, ...key }) => ({
      ...{ id: idOf(key), open: bar.open?.price, openAt: bar.open?.offset, close: bar.close?.price },
      ...{ closeAt: bar.close?.offset, high: bar.high, low: bar.low, trades: bar.trades },
      ...{ volume: decimalText(bar.volume), notional: decimalText(bar.notional) }
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1))

describe("Bar", () => {
  it("MB1 in any order and in any parts, bars of drawn trades are the same", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const { below } = dice(seed)
      const trades = drawn(seed, 120)
      const whole = told(rolledUp(gathered(trades).minutes()))
      const mixed = shuffled(seed, trades)
      const stored = new Map<string, KeyedBar>()
      const parts: Array<ReadonlyArray<KeyedBar>> = []
      while (mixed.length > 0) parts.push(rolledUp(gathered(mixed.splice(0, 1 + below(30))).minutes()))
      for (const { bar, ...key } of shuffled(seed, parts).flat()) {
        const id = idOf(key)
        stored.set(id, { ...key, bar: merge(bar, stored.get(id)?.bar ?? EMPTY) })
      }
      assert.deepStrictEqual(told(stored.values()), whole, `seed ${seed}`)
    }
  })

  it("MB1 MH1 open and close are the venue's first and last, by time, then number, then place; high and low are whatever was", () => {
    const made = (more: Partial<PlacedTrade>) => {
      const one = trade(more)
      return barOf(one, one, COUNTS)
    }
    const price = (n: number) => BigInt(n) * SECOND
    const bars = [
      made({ tsEvent: TEN + 5n, price: price(3), offset: 1 }),
      made({ tsEvent: TEN + 5n, sequence: 1n, price: price(4), offset: 0 }),
      made({ tsEvent: TEN + 1n, price: price(2), offset: 9 }),
      made({ tsEvent: TEN + 1n, price: price(9), offset: 8 }),
      made({ tsEvent: TEN + 3n, price: price(1), offset: 2 })
    ]
    const bar = bars.reduce(merge, EMPTY)
    assert.deepStrictEqual(
      [bar.open?.price, bar.high, bar.low, bar.close?.price],
      [price(9), price(9), price(1), price(4)]
    )
    // An epoch and an offset are one value: an offset of a later epoch is behind all of an earlier one.
    const [old, young] = [made({ epoch: 1, offset: 9, price: 1n }), made({ epoch: 2, offset: 0, price: 2n })]
    assert.strictEqual(merge(young, old).close?.price, 2n)
    assert.strictEqual(merge(young, old).open?.price, 1n)
  })

  it("MB2 a bar of odd lots has volume and no prices, until a trade comes that has", () => {
    const odd = trade({ exchange: "NASDAQ", symbol: "A", conditions: ["I"], size: decimal("7") })
    const [before] = gathered([odd]).minutes()
    assert.deepInclude(before!.bar, { open: undefined, high: undefined, low: undefined, close: undefined, trades: 1 })
    const [after] = gathered([odd, trade({ exchange: "NASDAQ", symbol: "A", offset: 1 })]).minutes()
    assert.strictEqual(after!.bar.high, 100n * SECOND)
    assert.strictEqual(decimalText(after!.bar.volume), "8")
  })

  it("MB3 MN2 prices of an hour with two sessions are those of the regular one, and its volume is that of both", () => {
    const half = TEN - 1_800n * SECOND // 9:30
    const of = (more: Partial<PlacedTrade>) => trade({ exchange: "XNYS", symbol: "A", ...more })
    const bars = rolledUp(
      gathered([
        of({ tsEvent: half - SECOND, conditions: ["T"], price: 500n, size: decimal("3") }),
        of({ tsEvent: half, price: 100n, size: decimal("2"), offset: 1 })
      ]).minutes()
    ).filter(({ interval }) => interval === "1h")
    assert.strictEqual(bars.length, 2)
    const all = acrossSessions(bars)
    assert.deepStrictEqual([all.open?.price, all.high, decimalText(all.volume)], [100n, 100n, "5"])
    const pre = acrossSessions(bars.filter(({ session }) => session === "pre"))
    assert.deepStrictEqual([pre.open?.price, decimalText(pre.volume)], [500n, "3"])
  })

  it("MB4 an average is of what was paid, and not of averages", () => {
    const [, ...bars] = rolledUp(
      gathered([
        trade({ price: 1n * SECOND, size: decimal("1") }),
        trade({ price: 4n * SECOND, size: decimal("2"), tsEvent: TEN + 61n * SECOND, offset: 1 })
      ]).minutes()
    )
    assert.strictEqual(averageOf(bars.find(({ interval }) => interval === "1h")!.bar), 3n * SECOND)
  })

  it("MB5 what is newest is so by the venue's time, whatever came last, and only of what counts for it", () => {
    const trades = [
      trade({ exchange: "NASDAQ", id: "old", tsEvent: TEN - 5n * SECOND }),
      trade({ exchange: "NASDAQ", id: "newest", tsEvent: TEN, sequence: 2n, offset: 1 }),
      trade({ exchange: "NASDAQ", id: "before it", tsEvent: TEN, sequence: 1n, offset: 2 }),
      trade({ exchange: "NASDAQ", id: "odd", tsEvent: TEN + 1n, conditions: ["I"], offset: 3 })
    ]
    for (let seed = 1; seed < 20; seed++)
      assert.deepStrictEqual(
        gathered(shuffled(seed, trades))
          .newest()
          .map(({ session, trade: { id } }) => [session, id]),
        [["regular", "newest"]]
      )
  })
})
