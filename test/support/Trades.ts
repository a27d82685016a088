/** Trades for tests: one as it is wished for, and many that a seed draws. */
import { type Decimal, decimalOf } from "../../src/marketdata/Decimal.ts"
import type { PlacedTrade } from "../../src/marketdata/Gathering.ts"
import { dice } from "./Chance.ts"

/** 2026-01-15T15:00:00Z, a Thursday, at ten in New York; nanoseconds. */
export const TEN = 1_768_489_200_000_000_000n
export const SECOND = 1_000_000_000n

export const decimal = (text: string): Decimal => decimalOf(text) as Decimal

export const trade = (more: Partial<PlacedTrade> = {}): PlacedTrade => ({
  ...{ kind: "trade", exchange: "KRAKEN", symbol: "XBTUSDT", id: "", currency: "", tsEvent: TEN, tsRecv: 0n },
  ...{ sequence: 0n, price: 100n * SECOND, size: decimal("1"), conditions: [], epoch: 0, offset: 0 },
  ...more
})

/** Of two symbols on two exchanges over two hours, some at one moment, of all scales and conditions; by their offsets. */
export const drawn = (seed: number, count: number): ReadonlyArray<PlacedTrade> => {
  const { below, of } = dice(seed)
  return Array.from({ length: count }, (_, n) =>
    trade({
      exchange: of(["KRAKEN", "NASDAQ"]),
      symbol: of(["A", "B/C"]),
      id: String(n),
      tsEvent: TEN - 3_600n * SECOND + BigInt(below(7_200)) * SECOND,
      sequence: BigInt(below(3)),
      price: BigInt(below(1_000_000)) * 10_000_000n,
      size: { unscaled: BigInt(below(1_000)), scale: below(9) },
      conditions: of([[], [], ["T"], ["I"], ["Z", "@"], ["9"]]),
      offset: n
    })
  )
}

/** The same in another order, which the seed draws. */
export const shuffled = <A>(seed: number, list: ReadonlyArray<A>): Array<A> => {
  const { below } = dice(seed)
  const all = [...list]
  for (let n = all.length - 1; n > 0; n--) {
    const other = below(n + 1)
    ;[all[n], all[other]] = [all[other]!, all[n]!]
  }
  return all
}
