/** Programmes of what comes to a partition with market data, and of what happens to the nodes that make bars of it; drawn by a seed. */
import { dice } from "./Chance.ts"
import type { Came, Event } from "./StraightMarket.ts"

export type Action =
  | { readonly does: "say"; readonly came: Came }
  /** `bite`: what a read gives at most, in what came at once. `steps`: of how many reads; all there are where it is 0. */
  | { readonly does: "work"; readonly node: 0 | 1; readonly bite: number; readonly steps: number }
  /** A node knows nothing any more. */
  | { readonly does: "restart"; readonly node: 0 | 1 }
  /** The next write of a node fails, done or not. */
  | { readonly does: "fail"; readonly node: 0 | 1; readonly done: boolean }
  /** While a node is about to write, the other one does everything. */
  | { readonly does: "overtake"; readonly node: 0 | 1 }

/** 2026-01-15T14:28:00Z, a Thursday, two minutes before New York opens. */
const BEGIN = Date.UTC(2026, 0, 15, 14, 28)
const SECOND = 1_000
const MINUTE = 60 * SECOND
const PASSED = [0, 0, SECOND, 20 * SECOND, 59 * SECOND, MINUTE, MINUTE, 4 * MINUTE, 31 * MINUTE, 61 * MINUTE]
const FAR = [6 * 60 * MINUTE, 11 * 60 * MINUTE]
const LATE = [0, 0, 0, SECOND, 30 * SECOND, 61 * SECOND, 6 * MINUTE, 65 * MINUTE]
const AHEAD = [0, 0, 10 * SECOND, MINUTE, 2 * MINUTE]

class Drawing {
  readonly draw: ReturnType<typeof dice>
  readonly trades: Array<Event> = []
  at = BEGIN
  count = 0

  constructor(seed: number) {
    this.draw = dice(seed)
  }

  #time(): string {
    const { of, below } = this.draw
    const millis = below(6) === 0 ? this.at + of(AHEAD) : this.at - of(LATE)
    return String(BigInt(millis) * 1_000_000n + BigInt(below(2)))
  }

  #who(): Pick<Event, "symbol" | "exchange"> {
    const { of } = this.draw
    return { symbol: of(["A", "A", "B/C"]), exchange: of(["KRAKEN", "NASDAQ"]) }
  }

  #terms(): Pick<Event, "price" | "size" | "conditions" | "sequence"> {
    const { of, below } = this.draw
    return {
      ...{ price: of([`${1 + below(9)}`, `${1 + below(9)}.25`]), size: of([`${1 + below(5)}`, "0.5"]) },
      ...{ conditions: of([[], [], [], ["I"], ["T"], ["Z"], ["M"]]), sequence: below(3) }
    }
  }

  trade(): Event {
    const { of, below } = this.draw
    const named = below(10)
    const before = this.trades.at(-1 - below(4))?.id
    const id = named === 0 ? undefined : named === 1 && before !== undefined ? before : `t${this.count++}`
    const one: Event = {
      ...{ type: "trade", ...this.#who(), ts_event: this.#time(), ...this.#terms() },
      ...(id === undefined ? {} : { id })
    }
    this.trades.push(one)
    return below(12) === 0 ? { ...one, exchange: of(["KRAKEN", "NASDAQ"]) } : one
  }

  /** What becomes of a trade. */
  amendment(of: Event): Event {
    const { symbol, exchange, id = "none", ts_event: ts_original } = of
    const told = { symbol, exchange, id, ts_original, ts_event: this.#time() }
    return this.draw.below(2) === 0
      ? { type: "cancel", ...told, sequence: 1 }
      : { type: "correction", ...told, ...this.#terms() }
  }

  some(): ReadonlyArray<Event | string> {
    const { below, of } = this.draw
    const known = this.trades.length === 0 ? undefined : of(this.trades.slice(below(2) === 0 ? -5 : 0))
    const what = below(24)
    if (what < 10 || known === undefined) return [this.trade()]
    if (what < 12) return [known]
    if (what < 18) return [this.amendment(known)]
    if (what === 18) return [this.amendment({ ...known, ts_event: this.#time() })]
    if (what === 19) {
      // It is taken back before it came.
      const one = this.trade()
      return [this.amendment(one), one]
    }
    if (what === 20) {
      const minute = (one: Event) => `${one.symbol} ${one.exchange} ${BigInt(one.ts_event) / 60_000_000_000n}`
      return this.trades
        .filter((one) => minute(one) === minute(known))
        .map((one) => ({ ...this.amendment(one), type: "cancel" as const }))
    }
    if (what === 21) return ["no tick"]
    return [
      {
        type: "quote",
        ...this.#who(),
        ts_event: this.#time(),
        sequence: below(3),
        bid: `${1 + below(9)}`,
        bid_size: "1"
      }
    ]
  }

  action(): Action {
    const { below, of } = this.draw
    const node = below(2) as 0 | 1
    const what = below(16)
    if (what < 9) {
      this.at += below(12) === 0 ? of(FAR) : of(PASSED)
      const events = Array.from({ length: 1 + below(3) }, () => this.some()).flat()
      return { does: "say", came: { at: this.at, events } }
    }
    if (what < 13) return { does: "work", node, bite: of([1, 2, 100]), steps: below(4) }
    if (what === 13) return { does: "restart", node }
    if (what === 14) return { does: "fail", node, done: below(2) === 0 }
    return { does: "overtake", node }
  }
}

/** Single events each, where one is said at once with others: what comes of it is the same, and it can be made shorter. */
export const programOf = (seed: number): ReadonlyArray<Action> => {
  const drawing = new Drawing(seed)
  return Array.from({ length: 10 + drawing.draw.below(50) }, () => drawing.action())
}
