/** Minutes that are made anew, and the bars they belong to, in every store of market data: part of `marketContract`. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { EMPTY, isEmpty } from "../../src/marketdata/Bar.ts"
import { endOf, INTERVALS, SESSIONS, startOf } from "../../src/marketdata/Calendar.ts"
import { decimalText } from "../../src/marketdata/Decimal.ts"
import type { PlacedTrade } from "../../src/marketdata/Gathering.ts"
import { MarketStore } from "../../src/marketdata/MarketStore.ts"
import type { Projection } from "../../src/marketdata/Projection.ts"
import { millisOf } from "../../src/marketdata/Tick.ts"
import { venueOf } from "../../src/marketdata/Venue.ts"
import { decimal, SECOND, TEN, trade } from "../support/Trades.ts"
import { of, ordered, partition, projection, read, symbol, type Test, told } from "./MarketStores.ts"

const MINUTE = 60n * SECOND

/** A minute that is put in the place of what was there, and the bars that it belongs to. */
const remade = ({ bars }: Pick<Projection, "bars">) => {
  const minute = bars.find(({ interval }) => interval === "1m")!
  const { calendar } = venueOf(minute.exchange)
  const again = INTERVALS.slice(1).map((interval) => {
    const start = startOf(calendar, interval, minute.start)
    return { ...minute, interval, start, end: endOf(calendar, interval, start) }
  })
  return { minute, again }
}
export const marketAgain = (test: Test) => {
  test("MX2 a minute that is put in the place of what was there changes the bars that it belongs to", () =>
    Effect.gen(function* () {
      const store = yield* MarketStore
      const [at, name] = [partition(), symbol()]
      const on = (minute: number, price: bigint, id: string) =>
        trade({ symbol: name, id, price, tsEvent: TEN + BigInt(minute) * MINUTE, offset: minute, epoch: 1 })
      const [a, b, wrong, c] = [on(0, 10n, "a"), on(1, 20n, "b"), on(2, 999n, "wrong"), on(7, 5n, "c")]
      yield* store.write(projection({ partition: at, to: { epoch: 1, offset: 8 }, ...of([a, b, wrong, c]) }))
      const right = of([on(2, 30n, "right")])
      const { minute, again } = remade(right)
      yield* store.write(
        projection({
          ...{ partition: at, from: { epoch: 1, offset: 8 }, to: { epoch: 1, offset: 9 }, instead: [minute], again },
          ...{ forgotten: [{ exchange: "KRAKEN", symbol: name, session: "regular" }], newest: of([b]).newest }
        })
      )
      const whole = of([a, b, on(2, 30n, "right"), c])
      for (const interval of INTERVALS) {
        const rows = yield* read(name, interval)
        assert.deepStrictEqual(
          rows.map(told),
          ordered(whole.bars.filter((bar) => bar.interval === interval)).map(told),
          interval
        )
        const changed = rows.find(({ start }) => start === startOf(venueOf("KRAKEN").calendar, interval, minute.start))
        assert.strictEqual(changed!.revision, 2, interval)
      }
      // An older one, as the newest counts no more.
      const { trades } = yield* store.latest({ symbol: name, topics: ["*"] }, ["KRAKEN"])
      assert.deepStrictEqual(
        trades.map(({ id }) => id),
        ["b"]
      )
    }))

  test("MX2 starts at which all was taken back count for no page, and what is newest as before keeps what is known of it", () =>
    Effect.gen(function* () {
      const store = yield* MarketStore
      const [at, name] = [partition(), symbol()]
      const on = (minute: number, more: Partial<PlacedTrade> = {}) =>
        trade({
          symbol: name,
          id: `${minute}`,
          tsEvent: TEN + BigInt(minute) * MINUTE,
          offset: minute,
          epoch: 1,
          ...more
        })
      const trades = [on(0), on(1), on(2), on(3, { exchange: "NASDAQ" }), on(3)]
      const [first, second] = [
        { epoch: 1, offset: 4 },
        { epoch: 1, offset: 5 }
      ]
      yield* store.write(projection({ partition: at, to: first, ...of(trades) }))
      const none = remade(of([on(1)])).minute
      const instead = [0, 1, 3].map((minute) => ({ ...none, start: millisOf(TEN) + minute * 60_000, bar: EMPTY }))
      const key = { exchange: "KRAKEN", symbol: name, session: "regular" } as const
      const [newest] = of([on(3, { size: decimal("0"), currency: "EUR" })]).newest
      yield* store.write(
        projection({ ...{ partition: at, from: first, to: second, instead }, forgotten: [key], newest: [newest!] })
      )
      const query = {
        symbol: name,
        topics: ["*"],
        exchanges: ["KRAKEN", "NASDAQ"],
        interval: "1m",
        sessions: SESSIONS
      } as const
      const starts = (from: number, limit: number) =>
        Effect.map(
          store.bars(query, { from: millisOf(TEN) + from * 60_000, until: 4_000_000_000_000, limit }),
          (rows) => [
            ...new Set(rows.filter(({ bar }) => !isEmpty(bar)).map(({ start }) => (start - millisOf(TEN)) / 60_000))
          ]
        )
      assert.deepStrictEqual(yield* starts(0, 1), [2])
      assert.deepStrictEqual(yield* starts(0, 2), [2, 3])
      assert.deepStrictEqual(yield* starts(0, 9), [2, 3])
      // What nobody sees still says that it was changed.
      const [row, ...more] = yield* store.bars(query, {
        from: millisOf(TEN) + 180_000,
        until: 4_000_000_000_000,
        limit: 1
      })
      assert.deepStrictEqual([row!.revision, row!.exchange, more.length], [2, "KRAKEN", 1])
      const { trades: latest } = yield* store.latest({ symbol: name, topics: ["*"] }, ["KRAKEN"])
      assert.deepStrictEqual(
        latest.map(({ id, currency, size }) => [id, currency, decimalText(size)]),
        [["3", "", "1"]]
      )
      yield* store.write(
        projection({
          ...{ partition: at, from: second, to: { epoch: 1, offset: 6 }, forgotten: [key] },
          newest: of([on(2, { id: "other", currency: "EUR" })]).newest
        })
      )
      assert.deepStrictEqual(
        (yield* store.latest({ symbol: name, topics: ["*"] }, ["KRAKEN"])).trades.map(({ id }) => id),
        ["other"]
      )
    }))

  test("MX2 where a minute in the place of others is the first of a bar, that is made of it, and grows", () =>
    Effect.gen(function* () {
      const store = yield* MarketStore
      const [at, name] = [partition(), symbol()]
      const on = (minute: number, price: bigint) =>
        trade({
          symbol: name,
          id: `${minute}`,
          price,
          tsEvent: TEN + BigInt(minute) * MINUTE,
          offset: minute,
          epoch: 1
        })
      const [a, b, c] = [on(0, 10n), on(7, 20n), on(8, 30n)]
      const [first, second, third] = [
        { epoch: 1, offset: 1 },
        { epoch: 1, offset: 8 },
        { epoch: 1, offset: 9 }
      ]
      yield* store.write(projection({ partition: at, to: first, ...of([a]) }))
      const { minute, again } = remade(of([b]))
      yield* store.write(projection({ partition: at, from: first, to: second, instead: [minute], again }))
      yield* store.write(projection({ partition: at, from: second, to: third, ...of([c]) }))
      const whole = of([a, b, c])
      for (const interval of INTERVALS)
        assert.deepStrictEqual(
          (yield* read(name, interval)).map(told),
          ordered(whole.bars.filter((bar) => bar.interval === interval)).map(told),
          interval
        )
    }))
}
