/**
 * Bars as they are asked for: of sessions and venues put together, with or without those in which nothing was traded. Pure.
 *
 *   MW1  `fill: "previous"` puts a flat bar with volume 0 where nothing was traded although the session was open; `"none"` puts nothing there. A flat
 *        bar says so, and there is none before the first trade that is known.
 *   MW3  Where all that was traded was taken back there is no bar, as if nothing had been; what others told in it stays.
 *   MW2  A bar is final once the newest time of the feed is `lateness` behind its end. What comes later still corrects it, and its revision grows.
 */
import { acrossSessions, type Bar, EMPTY, isEmpty, merge } from "./Bar.ts"
import { type Calendar, endOf, type Interval, type Session, sessionAt, startOf } from "./Calendar.ts"

/** A bar as the store has it. */
export interface StoredBar {
  readonly exchange: string
  readonly session: Session
  /** Milliseconds since 1970. */
  readonly start: number
  readonly bar: Bar
  /** From 1; grows with each time that it was changed. */
  readonly revision: number
}

export interface Candle {
  /** Milliseconds since 1970; `end` is not in it. */
  readonly start: number
  readonly end: number
  readonly bar: Bar
  readonly revision: number
  /** MW1 */
  readonly filled: boolean
}

/** Which sessions are meant. */
export const SESSION_CHOICES = ["all", "regular", "extended"] as const
export type SessionChoice = (typeof SESSION_CHOICES)[number]
export const sessionsOf = (choice: SessionChoice): ReadonlyArray<Session> =>
  choice === "regular" ? ["regular"] : choice === "extended" ? ["pre", "post"] : ["pre", "regular", "post", "closed"]

/** One for each start, in their order. `rows` are in the order of their start. */
export const candlesOf = (
  calendar: Calendar,
  interval: Interval,
  rows: ReadonlyArray<StoredBar>
): ReadonlyArray<Candle> => {
  const candles: Array<Candle> = []
  for (let at = 0; at < rows.length; ) {
    const { start } = rows[at]!
    const of: Array<StoredBar> = []
    for (; rows[at]?.start === start; at++) of.push(rows[at]!)
    const sessions = [...new Set(of.map(({ session }) => session))]
    const bar = acrossSessions(
      sessions.map((session) => ({
        session,
        bar: of.filter((one) => one.session === session).reduce((all, one) => merge(all, one.bar), EMPTY)
      }))
    )
    if (isEmpty(bar)) continue // MW3
    const revision = of.reduce((sum, one) => sum + one.revision, 0)
    candles.push({ start, end: endOf(calendar, interval, start), bar, revision, filled: false })
  }
  return candles
}

/** The bar of rows of one start; undefined: there are none. */
export const acrossAll = (calendar: Calendar, interval: Interval, rows: ReadonlyArray<StoredBar>): Bar | undefined =>
  candlesOf(calendar, interval, rows)[0]?.bar

const flat = ({ close }: Bar): Bar => ({
  ...EMPTY,
  ...{ open: close, close, high: close?.price, low: close?.price }
})

/** Whether it is usual that something is traded in it. A day that has a session at all has it at its noon. */
const isOpen = (calendar: Calendar, interval: Interval, start: number, sessions: ReadonlyArray<Session>): boolean => {
  if (calendar.hours === undefined) return sessions.includes("regular")
  if (interval === "1d") return sessionAt(calendar, start + 12 * 3_600_000) !== "closed"
  // Sessions begin at half hours, so an hour is looked at twice.
  const half = interval === "1h" ? [0, 1_800_000] : [0]
  return half.some((more) => {
    const session = sessionAt(calendar, start + more)
    return session !== "closed" && sessions.includes(session)
  })
}

/** A quarter's minutes of which most are closed: no walk is longer. */
const STEPS = 200_000

/**
 * With flat bars between `from` and `until` (excluded), at most `limit` together. `before`: the last bar before `from` that has a price, if there is
 * one. MW1
 */
export const filled = (
  calendar: Calendar,
  interval: Interval,
  candles: ReadonlyArray<Candle>,
  range: { readonly from: number; readonly until: number; readonly limit: number },
  sessions: ReadonlyArray<Session>,
  before: Bar | undefined
): ReadonlyArray<Candle> => {
  const made: Array<Candle> = []
  let last = before
  let next = 0
  let start = startOf(calendar, interval, range.from)
  if (start < range.from) start = endOf(calendar, interval, start)
  for (let steps = 0; start < range.until && made.length < range.limit && steps < STEPS; steps++) {
    const candle = candles[next]
    if (last?.close === undefined) {
      // There is no flat bar before the first price.
      if (candle === undefined) break
      start = Math.max(start, candle.start)
    }
    const end = endOf(calendar, interval, start)
    if (candle !== undefined && candle.start <= start) {
      next++
      made.push(candle)
      if (candle.bar.close !== undefined) last = candle.bar
    } else if (last?.close !== undefined && isOpen(calendar, interval, start, sessions))
      made.push({ start, end, bar: flat(last), revision: 0, filled: true })
    start = end
  }
  return made
}

/** Milliseconds that trades may be late before a bar counts as final. MW2 */
export const LATENESS: Readonly<Record<Interval, number>> = { "1m": 15_000, "5m": 15_000, "1h": 30_000, "1d": 60_000 }

/** `watermark`: the newest time of the feed, in milliseconds since 1970; undefined: not known. */
export const isFinal = (interval: Interval, end: number, watermark: number | undefined): boolean =>
  watermark !== undefined && watermark - LATENESS[interval] >= end
