/**
 * A market that is believable and not real: prices that wander as prices do, quotes around them, trades at one side of them, and now and then one that
 * is taken back or corrected. Pure.
 *
 *   MY1  The same seed, symbols and times give the same events, digit by digit.
 *   MY2  Every event is one that `readTick` reads: trades carry an id that no other of their exchange has, and what is taken back or corrected was told before, at most
 *        `MEMORY` trades ago, and once.
 */
import { sessionAt } from "./Calendar.ts"
import { venueOf } from "./Venue.ts"

export interface MarketOptions {
  readonly symbols: ReadonlyArray<string>
  readonly seed: number
  /** Of a year: 0.3 is 30 %. */
  readonly volatility?: number
  readonly drift?: number
  /** Only when the exchange is open; before and after its regular hours seldom. */
  readonly hours?: boolean
}

export interface MarketEvent {
  /** The symbol: one symbol is in one partition, in order. */
  readonly key: string
  /** JSON. */
  readonly payload: string
}

/** Trades of a symbol that may still be taken back. MY2 */
const MEMORY = 50
const YEAR_SECONDS = 252 * 6.5 * 3_600

interface Listed {
  readonly exchange: string
  readonly price: number
  /** The smallest step of a price, and the digits behind its point. */
  readonly step: number
  readonly digits: number
  /** Digits of sizes; 0: whole shares. */
  readonly fine: number
}

const share = (exchange: string, price: number): Listed => ({ exchange, price, step: 0.01, digits: 2, fine: 0 })
const coin = (price: number, step = 0.01, digits = 2): Listed => ({ exchange: "KRAKEN", price, step, digits, fine: 8 })

/** Where they are to begin, more or less. */
const LISTED: ReadonlyMap<string, Listed> = new Map([
  ["AAPL", share("NASDAQ", 231)],
  ["MSFT", share("NASDAQ", 428)],
  ["NVDA", share("NASDAQ", 142)],
  ["AMZN", share("NASDAQ", 206)],
  ["JPM", share("NYSE", 245)],
  ["KO", share("NYSE", 63)],
  ["BTC-USD", coin(93_200, 0.1, 1)],
  ["ETH-USD", coin(3_400)]
])

export const USUAL: ReadonlyArray<string> = [...LISTED.keys()]

interface Instrument extends Listed {
  readonly symbol: string
  mid: number
  /** How wild it is now, beside what is usual. */
  mood: number
  at: bigint
  readonly trades: Array<{ readonly id: string; readonly at: bigint; readonly price: string; readonly size: string }>
}

/** mulberry32 (Tommy Ettinger, public domain): from 0 to just below 1. */
const numbers = (seed: number) => {
  let state = seed | 0
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export class RandomMarket {
  readonly #draw: () => number
  readonly #instruments: ReadonlyArray<Instrument>
  readonly #volatility: number
  readonly #drift: number
  readonly #hours: boolean
  #sequence = 0

  constructor({ symbols, seed, volatility = 0.3, drift = 0.05, hours = false }: MarketOptions) {
    this.#draw = numbers(seed)
    this.#volatility = volatility
    this.#drift = drift
    this.#hours = hours
    this.#instruments = symbols.map((symbol) => {
      const coinLike = /[-/]/.test(symbol)
      const drawn = 5 + 300 * this.#draw()
      const its = LISTED.get(symbol) ?? (coinLike ? coin(drawn) : share("NASDAQ", drawn))
      return { ...its, symbol, mid: its.price * (0.97 + 0.06 * this.#draw()), mood: 0, at: 0n, trades: [] }
    })
  }

  /** Undefined: its exchange is closed. `now`: nanoseconds since 1970, never going back. */
  next(now: bigint): MarketEvent | undefined {
    const one = this.#pick()
    if (this.#hours && !this.#isOpen(one, now)) return undefined
    this.#move(one, now)
    const chance = this.#draw()
    const told = one.trades.length === 0 || chance >= 0.002 ? undefined : this.#amended(one, now, chance < 0.0008)
    return {
      key: one.symbol,
      payload: JSON.stringify(told ?? (this.#draw() < 0.6 ? this.#quote(one, now) : this.#trade(one, now)))
    }
  }

  /** What a symbol is worth now. */
  priceOf(symbol: string): string | undefined {
    const one = this.#instruments.find((its) => its.symbol === symbol)
    return one === undefined ? undefined : this.#text(one, one.mid)
  }

  /** Those that come first are traded most. */
  #pick(): Instrument {
    const all = this.#instruments
    return all[Math.floor(all.length * this.#draw() ** 1.6)]!
  }

  #isOpen({ exchange }: Instrument, now: bigint): boolean {
    const session = sessionAt(venueOf(exchange).calendar, Number(now / 1_000_000n))
    return session === "regular" || (session !== "closed" && this.#draw() < 0.05)
  }

  /** Of a normal distribution around 0. */
  #normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.#draw())) * Math.cos(2 * Math.PI * this.#draw())
  }

  #move(one: Instrument, now: bigint): void {
    const seconds = one.at === 0n ? 0 : Math.min(60, Number(now - one.at) / 1e9)
    one.at = now
    one.mood = 0.999 * one.mood + 0.05 * this.#normal()
    const years = seconds / YEAR_SECONDS
    const wild = this.#volatility * Math.exp(Math.max(-1.5, Math.min(1.5, one.mood)))
    one.mid = Math.max(
      one.step * 2,
      one.mid * Math.exp((this.#drift - wild ** 2 / 2) * years + wild * Math.sqrt(years) * this.#normal())
    )
  }

  #text({ step, digits }: Instrument, price: number): string {
    return (Math.max(1, Math.round(price / step)) * step).toFixed(digits)
  }

  #size({ fine }: Instrument): string {
    const drawn = Math.exp(1.1 * this.#normal())
    if (fine > 0) return (0.05 * drawn).toFixed(fine)
    // Most trades are of hundreds, and a third is of fewer.
    return this.#draw() < 0.35
      ? String(1 + Math.floor(99 * this.#draw()))
      : String(100 * Math.max(1, Math.round(drawn)))
  }

  #told({ symbol, exchange }: Instrument, now: bigint, type: string) {
    this.#sequence++
    const happened = now - BigInt(Math.floor(3_000_000 * this.#draw()))
    const ts_event = String(happened)
    return { type, symbol, exchange, ts_event, ts_recv: String(now), sequence: this.#sequence, currency: "USD" }
  }

  #quote(one: Instrument, now: bigint) {
    const half = one.step * (0.5 + Math.floor(3 * this.#draw()))
    return {
      ...this.#told(one, now, "quote"),
      ...{ bid: this.#text(one, one.mid - half), bid_size: this.#size(one) },
      ...{ ask: this.#text(one, one.mid + half), ask_size: this.#size(one) }
    }
  }

  #trade(one: Instrument, now: bigint) {
    const told = this.#told(one, now, "trade")
    const [price, size] = [this.#text(one, one.mid + (this.#draw() < 0.5 ? -0.5 : 0.5) * one.step), this.#size(one)]
    const id = `d${this.#sequence}`
    one.trades.push({ id, at: BigInt(told.ts_event), price, size })
    if (one.trades.length > MEMORY) one.trades.shift()
    const odd = one.fine === 0 && Number(size) < 100
    return { ...told, id, price, size, ...(odd ? { conditions: ["I"] } : {}) }
  }

  /** Takes one of the newest trades back, or corrects its price. MY2 */
  #amended(one: Instrument, now: bigint, cancelled: boolean) {
    const [{ id, at, price, size }] = one.trades.splice(Math.floor(one.trades.length * this.#draw()), 1) as [
      Instrument["trades"][number]
    ]
    const of = { id, ts_original: String(at) }
    if (cancelled) return { ...this.#told(one, now, "cancel"), ...of }
    return { ...this.#told(one, now, "correction"), ...of, price: this.#text(one, Number(price) + one.step), size }
  }
}
