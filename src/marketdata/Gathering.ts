/**
 * Makes bars, and what is newest, of trades and quotes as they come. Pure.
 *
 *   MB4  Bars of five minutes, hours and days are put together from those of minutes, and never from what was rounded.
 *   MB5  What is newest is the greatest (tsEvent, sequence) of the trades that count for it, in each session, however late they come.
 */
import type { Place } from "../topics/MessageId.ts"
import { type Bar, type BarKey, barOf, EMPTY, idOf, type KeyedBar, merge } from "./Bar.ts"
import { INTERVALS, type Session, sessionAt, startOf } from "./Calendar.ts"
import { countsOf } from "./Conditions.ts"
import { compare, type Instrument, millisOf, type Quote, type Trade } from "./Tick.ts"
import { venueOf } from "./Venue.ts"

/** A trade, and where it is in its topic. */
export type PlacedTrade = Trade & Place
export type PlacedQuote = Quote & Place
/** The newest trade of an instrument in a session. */
export interface Newest {
  readonly session: Session
  readonly trade: PlacedTrade
}

const MINUTE = "1m"

export const minuteOf = ({ exchange, symbol, tsEvent }: Instrument & { readonly tsEvent: bigint }): BarKey => {
  const { calendar } = venueOf(exchange)
  const millis = millisOf(tsEvent)
  const start = startOf(calendar, MINUTE, millis)
  return { exchange, symbol, interval: MINUTE, session: sessionAt(calendar, millis), start }
}

/** The bars of all intervals that these of minutes are parts of. May be left between two of them. MB4 */
export function* rollingUp(minutes: ReadonlyArray<KeyedBar>): Generator<void, ReadonlyArray<KeyedBar>> {
  const rolled = new Map<string, KeyedBar>()
  for (const { bar, ...minute } of minutes) {
    const { calendar } = venueOf(minute.exchange)
    for (const interval of INTERVALS) {
      const key = { ...minute, interval, start: startOf(calendar, interval, minute.start) }
      const id = idOf(key)
      rolled.set(id, { ...key, bar: merge(rolled.get(id)?.bar ?? EMPTY, bar) })
    }
    yield
  }
  return [...rolled.values()]
}

/** The same at once. */
export const rolledUp = (minutes: ReadonlyArray<KeyedBar>): ReadonlyArray<KeyedBar> => {
  const steps = rollingUp(minutes)
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
  }
}

export class Gathering {
  readonly #minutes = new Map<string, { readonly key: BarKey; bar: Bar }>()
  readonly #newest = new Map<string, Newest>()
  readonly #quotes = new Map<string, PlacedQuote>()

  /** How many bars and newest things there are. */
  get size(): number {
    return this.#minutes.size + this.#newest.size + this.#quotes.size
  }

  /** Returns the minute that it went into. */
  add(trade: PlacedTrade): BarKey {
    const key = minuteOf(trade)
    const counts = countsOf(venueOf(trade.exchange).rules, trade.conditions, key.session)
    const id = idOf(key)
    const found = this.#minutes.get(id)
    const bar = barOf(trade, trade, counts)
    if (found === undefined) this.#minutes.set(id, { key, bar })
    else found.bar = merge(found.bar, bar)
    if (counts.last) this.#newer({ session: key.session, trade })
    return key
  }

  quote(quote: PlacedQuote): void {
    const id = `${quote.exchange} ${quote.symbol}`
    const found = this.#quotes.get(id)
    if (found === undefined || compare(found, quote) < 0) this.#quotes.set(id, quote)
  }

  /** MB5 */
  #newer(newest: Newest): void {
    const { session, trade } = newest
    const id = `${trade.exchange} ${trade.symbol} ${session}`
    const found = this.#newest.get(id)
    if (found === undefined || compare(found.trade, trade) < 0) this.#newest.set(id, newest)
  }

  /** A minute as it is now. */
  minute(key: BarKey): Bar {
    return this.#minutes.get(idOf(key))?.bar ?? EMPTY
  }

  minutes(): ReadonlyArray<KeyedBar> {
    return [...this.#minutes.values()].map(({ key, bar }) => ({ ...key, bar }))
  }

  newest(): ReadonlyArray<Newest> {
    return [...this.#newest.values()]
  }

  quotes(): ReadonlyArray<PlacedQuote> {
    return [...this.#quotes.values()]
  }
}
