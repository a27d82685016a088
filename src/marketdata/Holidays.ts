/** Days on which the exchanges of New York don't trade, or end at 13:00, by the rules of 2014 and later. Pure. */

type Special = "closed" | "short"

/** Days that no rule knows: of mourning. `100 × month + day`. */
const BESIDES: Readonly<Record<number, ReadonlyArray<number>>> = { 2018: [1205], 2025: [109] }

const weekdayOf = (year: number, month: number, day: number): number =>
  new Date(Date.UTC(year, month - 1, day)).getUTCDay()

/** The nth of a weekday in a month; -1: the last. */
const nth = (year: number, month: number, weekday: number, n: number): number => {
  if (n < 0) {
    const last = new Date(Date.UTC(year, month, 0)).getUTCDate()
    return 100 * month + last - ((weekdayOf(year, month, last) - weekday + 7) % 7)
  }
  return 100 * month + 1 + ((weekday - weekdayOf(year, month, 1) + 7) % 7) + 7 * (n - 1)
}

/** Easter Sunday, by the anonymous Gregorian algorithm. */
const easter = (year: number): Date => {
  const a = year % 19
  const b = Math.floor(year / 100)
  const c = year % 100
  const h = (19 * a + b - Math.floor(b / 4) - Math.floor((b - Math.floor((b + 8) / 25) + 1) / 3) + 15) % 30
  const l = (32 + 2 * (b % 4) + 2 * Math.floor(c / 4) - h - (c % 4)) % 7
  const m = Math.floor((a + 11 * h + 22 * l) / 451)
  const sum = h + l - 7 * m + 114
  return new Date(Date.UTC(year, Math.floor(sum / 31) - 1, (sum % 31) + 1))
}

const MONDAY = 1
const THURSDAY = 4

const made = (year: number): ReadonlyMap<number, Special> => {
  const days = new Map<number, Special>()
  const closed = (date: number) => days.set(date, "closed")
  const short = (month: number, day: number) => {
    const weekday = weekdayOf(year, month, day)
    if (weekday !== 0 && weekday !== 6 && !days.has(100 * month + day)) days.set(100 * month + day, "short")
  }
  /** On a Saturday the Friday before instead, on a Sunday the Monday after. */
  const observed = (month: number, day: number) => {
    const weekday = weekdayOf(year, month, day)
    const shift = weekday === 6 ? -1 : weekday === 0 ? 1 : 0
    const at = new Date(Date.UTC(year, month - 1, day + shift))
    closed(100 * (at.getUTCMonth() + 1) + at.getUTCDate())
  }
  // A New Year's Day on a Saturday is not made up for in the old year.
  if (weekdayOf(year, 1, 1) !== 6) observed(1, 1)
  closed(nth(year, 1, MONDAY, 3))
  closed(nth(year, 2, MONDAY, 3))
  const friday = new Date(easter(year).getTime() - 2 * 86_400_000)
  closed(100 * (friday.getUTCMonth() + 1) + friday.getUTCDate())
  closed(nth(year, 5, MONDAY, -1))
  if (year >= 2022) observed(6, 19)
  observed(7, 4)
  closed(nth(year, 9, MONDAY, 1))
  const thanksgiving = nth(year, 11, THURSDAY, 4)
  closed(thanksgiving)
  observed(12, 25)
  for (const date of BESIDES[year] ?? []) closed(date)
  short(7, 3)
  days.set(thanksgiving + 1, "short")
  short(12, 24)
  return days
}

const years = new Map<number, ReadonlyMap<number, Special>>()
const YEARS = 200

/** By `100 × month + day`. */
export const holidays = (year: number): ReadonlyMap<number, Special> => {
  let found = years.get(year)
  if (found === undefined) {
    found = made(year)
    if (years.size >= YEARS) years.clear()
    years.set(year, found)
  }
  return found
}
