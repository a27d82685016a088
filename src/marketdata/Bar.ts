/**
 * Bars: what was traded in an interval. Pure.
 *
 *   MB1  Bars are put together in any order and in any parts, and come out the same: a sum of sums, the highest of the highest, the open of
 *        whichever trade was first by the venue.
 *   MB2  Late trades go into the bar of their time. A bar that nothing moved high and low, open or last in has volume and no prices.
 *   MB3  Of several sessions in one interval, prices are those of the regular one where it has any; volume is that of all.
 */
import type { Place } from "../topics/MessageId.ts"
import type { Interval, Session } from "./Calendar.ts"
import type { Counts } from "./Conditions.ts"
import { type Decimal, perUnit, plus, product, ZERO } from "./Decimal.ts"
import { compare, type Instrument, type Order, type Trade } from "./Tick.ts"

/** The trade by which something was opened or closed. */
export interface Mark extends Order {
  /** In units of 1e-9. */
  readonly price: bigint
}

export interface Bar {
  readonly open: Mark | undefined
  readonly close: Mark | undefined
  /** In units of 1e-9. */
  readonly high: bigint | undefined
  readonly low: bigint | undefined
  readonly volume: Decimal
  /** What was paid for all of it. */
  readonly notional: Decimal
  readonly trades: number
}

/** Which bar it is. */
export interface BarKey extends Instrument {
  readonly interval: Interval
  readonly session: Session
  /** Milliseconds since 1970. */
  readonly start: number
}

export interface KeyedBar extends BarKey {
  readonly bar: Bar
}

export const EMPTY: Bar = {
  ...{ open: undefined, close: undefined, high: undefined, low: undefined },
  ...{ volume: ZERO, notional: ZERO, trades: 0 }
}

export const idOf = ({ exchange, symbol, interval, session, start }: BarKey): string =>
  `${exchange} ${symbol} ${interval} ${session} ${start}`

/** A bar of one trade. */
export const barOf = ({ price, size, tsEvent, sequence }: Trade, { epoch, offset }: Place, counts: Counts): Bar => {
  const mark = counts.last ? { tsEvent, sequence, epoch, offset, price } : undefined
  const moved = counts.highLow ? price : undefined
  return {
    ...{ open: mark, close: mark, high: moved, low: moved },
    volume: counts.volume ? size : ZERO,
    notional: counts.volume ? product(price, size) : ZERO,
    trades: counts.volume ? 1 : 0
  }
}

/** One of two, where there is one. */
const pick = <A>(a: A | undefined, b: A | undefined, first: (a: A, b: A) => boolean): A | undefined =>
  a === undefined ? b : b === undefined || first(a, b) ? a : b

const earlier = (a: Mark, b: Mark): boolean => compare(a, b) <= 0
const later = (a: Mark, b: Mark): boolean => compare(a, b) >= 0

type Prices = Pick<Bar, "open" | "close" | "high" | "low">
const pricesOf = (a: Prices, b: Prices): Prices => ({
  open: pick(a.open, b.open, earlier),
  close: pick(a.close, b.close, later),
  high: pick(a.high, b.high, (x, y) => x >= y),
  low: pick(a.low, b.low, (x, y) => x <= y)
})

/** MB1 */
export const merge = (a: Bar, b: Bar): Bar => ({
  ...pricesOf(a, b),
  volume: plus(a.volume, b.volume),
  notional: plus(a.notional, b.notional),
  trades: a.trades + b.trades
})

const hasPrices = ({ open, high }: Bar): boolean => open !== undefined || high !== undefined

/** MB3 */
export const acrossSessions = (bars: ReadonlyArray<{ readonly session: Session; readonly bar: Bar }>): Bar => {
  const whole = bars.reduce((all, { bar }) => merge(all, bar), EMPTY)
  const regular = bars.filter(({ session }) => session === "regular").reduce((all, { bar }) => merge(all, bar), EMPTY)
  if (!hasPrices(regular)) return whole
  const { open, close, high, low } = regular
  return { ...whole, open, close, high, low }
}

/** Nothing was traded that counts for anything, or all of it was taken back. */
export const isEmpty = (bar: Bar): boolean => bar.trades === 0 && !hasPrices(bar)

/** What was paid on average, in units of 1e-9; undefined where nothing was traded. */
export const averageOf = ({ notional, volume }: Bar): bigint | undefined => perUnit(notional, volume)
