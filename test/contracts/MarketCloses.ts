/** What closed minutes, in every store of market data: part of `marketContract`. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { SESSIONS } from "../../src/marketdata/Calendar.ts"
import type { PlacedTrade } from "../../src/marketdata/Gathering.ts"
import { MarketStore } from "../../src/marketdata/MarketStore.ts"
import { millisOf } from "../../src/marketdata/Tick.ts"
import { SECOND, TEN, trade } from "../support/Trades.ts"
import { of, partition, projection, symbol, type Test } from "./MarketStores.ts"

const MINUTE = 60n * SECOND

export const marketCloses = (test: Test) => {
  test("MX2 what closed the last minute is told of one partition and session, but for some minutes, with where it was told", () =>
    Effect.gen(function* () {
      const store = yield* MarketStore
      const [at, other, name] = [partition(), partition(), symbol()]
      const on = (minute: number, more: Partial<PlacedTrade> = {}) =>
        trade({ ...{ symbol: name, tsEvent: TEN + BigInt(minute) * MINUTE, offset: minute + 200, epoch: 7 }, ...more })
      const US = { exchange: "NASDAQ" }
      const trades = [
        on(0),
        on(1),
        on(1, { sequence: 4n, offset: 9 }),
        on(5),
        on(-120, US),
        on(3, { ...US, conditions: ["I"] })
      ]
      yield* store.write(projection({ partition: at, ...of(trades) }))
      yield* store.write(projection({ partition: other, ...of([on(2), on(4)]) }))
      const start = (minute: number) => millisOf(TEN) + minute * 60_000
      const closes = (exchange: string, session: (typeof SESSIONS)[number], ...but: ReadonlyArray<number>) =>
        Effect.map(store.closes(at, [{ exchange, symbol: name, session, but: but.map(start) }]), (all) =>
          all.map(({ mark: { epoch, offset, sequence } }) => [epoch, offset, Number(sequence)])
        )
      assert.deepStrictEqual(yield* closes("KRAKEN", "regular"), [[7, 205, 0]])
      assert.deepStrictEqual(yield* closes("KRAKEN", "regular", 4, 0), [[7, 205, 0]])
      assert.deepStrictEqual(yield* closes("KRAKEN", "regular", 0, 5), [[7, 9, 4]])
      assert.deepStrictEqual(yield* closes("KRAKEN", "regular", 5, 0, 1), [])
      assert.deepStrictEqual(yield* closes("KRAKEN", "pre"), [])
      assert.deepStrictEqual(yield* closes("NASDAQ", "pre", 0), [[7, 80, 0]])
      // An odd lot closes nothing.
      assert.deepStrictEqual(yield* closes("NASDAQ", "regular"), [])
      const one = { exchange: "KRAKEN", symbol: name, session: "regular" as const, but: [] }
      const two = { ...one, but: [start(5), start(1)] }
      assert.lengthOf(
        yield* store.closes(at, [one, { ...two, exchange: "NASDAQ", session: "pre" }, { ...one, exchange: "NONE" }]),
        2
      )
      const [first] = yield* store.closes(at, [two])
      assert.deepStrictEqual(first, {
        exchange: "KRAKEN",
        symbol: name,
        session: "regular",
        mark: { tsEvent: TEN, sequence: 0n, epoch: 7, offset: 200, price: 100n * SECOND }
      })
    }))
}
