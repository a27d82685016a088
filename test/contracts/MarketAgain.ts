/** Minutes that are made anew, and the bars they belong to, in every store of market data: part of `marketContract`. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { endOf, INTERVALS, startOf } from "../../src/marketdata/Calendar.ts"
import { MarketStore } from "../../src/marketdata/MarketStore.ts"
import type { Projection } from "../../src/marketdata/Projection.ts"
import { venueOf } from "../../src/marketdata/Venue.ts"
import { SECOND, TEN, trade } from "../support/Trades.ts"
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
