/**
 * When a venue trades, by its own clock: sessions, days without any, and days that end early. Pure.
 *
 *   MC1  A moment is in one session: pre, regular or post, otherwise closed. A venue that never closes has the regular one only.
 *   MC2  A day is the venue's date in the venue's zone, also where the clocks change. Hours begin as that clock's do.
 */
import { holidays } from "./Holidays.ts"

export const SESSIONS = ["pre", "regular", "post", "closed"] as const
export type Session = (typeof SESSIONS)[number]

/** Minutes of the day, by the venue's clock: what begins where. */
export interface Hours {
  readonly pre: number
  readonly regular: number
  readonly post: number
  readonly closed: number
}

export interface Calendar {
  readonly name: string
  /** As in the tz database. */
  readonly zone: string
  /** Undefined: it never closes. */
  readonly hours: ((year: number, month: number, day: number, weekday: number) => Hours | undefined) | undefined
}

const MINUTE = 60_000
const DAY = 86_400_000
/** Clocks change at quarters of an hour. */
const QUARTER = 15 * MINUTE
const hour = (h: number, m = 0): number => 60 * h + m

const US_DAY: Hours = { pre: hour(4), regular: hour(9, 30), post: hour(16), closed: hour(20) }
const US_SHORT: Hours = { pre: hour(4), regular: hour(9, 30), post: hour(13), closed: hour(17) }

/** Currencies, coins: every day, all day. */
export const ALWAYS: Calendar = { name: "always", zone: "UTC", hours: undefined }

/** The exchanges of New York, from 2014 on. */
export const US_EQUITIES: Calendar = {
  name: "us-equities",
  zone: "America/New_York",
  hours: (year, month, day, weekday) => {
    if (weekday === 0 || weekday === 6) return undefined
    const what = holidays(year).get(100 * month + day)
    return what === "closed" ? undefined : what === "short" ? US_SHORT : US_DAY
  }
}

/** The clocks of zones, made once each. */
const clocks = new Map<string, Intl.DateTimeFormat>()
const clockOf = (zone: string): Intl.DateTimeFormat => {
  let clock = clocks.get(zone)
  if (clock === undefined) {
    const parts = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric" } as const
    clock = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      ...parts,
      second: "numeric",
      era: "short"
    })
    clocks.set(zone, clock)
  }
  return clock
}

/** Milliseconds that a zone's clock is ahead of UTC, by quarter of an hour; the oldest are forgotten. */
const offsets = new Map<string, number>()
const OFFSETS = 20_000

/** What the clock of the zone is ahead of UTC, in milliseconds. */
const aheadAt = (zone: string, millis: number): number => {
  if (zone === "UTC") return 0
  const quarter = Math.floor(millis / QUARTER)
  const id = `${zone} ${quarter}`
  const known = offsets.get(id)
  if (known !== undefined) return known
  const said: Record<string, string> = {}
  for (const { type, value } of clockOf(zone).formatToParts(quarter * QUARTER)) said[type] = value
  const [year, month, day, h, m, s] = ["year", "month", "day", "hour", "minute", "second"].map((part) =>
    Number(said[part])
  )
  const ahead = Date.UTC(year!, month! - 1, day!, h!, m!, s!) - quarter * QUARTER
  if (offsets.size >= OFFSETS) offsets.delete(offsets.keys().next().value!)
  offsets.set(id, ahead)
  return ahead
}

/** When the venue's day began and ends, in milliseconds since 1970. MC2 */
export const dayOf = ({ zone }: Calendar, millis: number): { readonly start: number; readonly end: number } => {
  const local = Math.floor((millis + aheadAt(zone, millis)) / DAY) * DAY
  return { start: midnight(zone, local), end: midnight(zone, local + DAY) }
}

/** The moment at which the clock of the zone is at `local`, a midnight as if it were of UTC. No zone of a venue changes its clock there. */
const midnight = (zone: string, local: number): number => {
  const near = local - aheadAt(zone, local)
  return local - aheadAt(zone, near)
}

/** MC1 */
export const sessionAt = ({ zone, hours }: Calendar, millis: number): Session => {
  if (hours === undefined) return "regular"
  const local = new Date(millis + aheadAt(zone, millis))
  const day = hours(local.getUTCFullYear(), local.getUTCMonth() + 1, local.getUTCDate(), local.getUTCDay())
  if (day === undefined) return "closed"
  const minute = 60 * local.getUTCHours() + local.getUTCMinutes()
  if (minute < day.pre || minute >= day.closed) return "closed"
  return minute < day.regular ? "pre" : minute < day.post ? "regular" : "post"
}

export const INTERVALS = ["1m", "5m", "1h", "1d"] as const
export type Interval = (typeof INTERVALS)[number]
/** Milliseconds; a day is as long as the venue's date is. */
export const WIDTH: Readonly<Record<Interval, number>> = {
  "1m": MINUTE,
  "5m": 5 * MINUTE,
  "1h": 60 * MINUTE,
  "1d": DAY
}

/** Which bar a moment belongs to: when that begins, in milliseconds since 1970. MC2 */
export const startOf = (calendar: Calendar, interval: Interval, millis: number): number => {
  const width = WIDTH[interval]
  if (interval === "1d") return dayOf(calendar, millis).start
  const ahead = interval === "1h" ? aheadAt(calendar.zone, millis) : 0
  return Math.floor((millis + ahead) / width) * width - ahead
}

/** The first moment that is not in the bar which begins at `start`. */
export const endOf = (calendar: Calendar, interval: Interval, start: number): number =>
  interval === "1d" ? dayOf(calendar, start).end : start + WIDTH[interval]
