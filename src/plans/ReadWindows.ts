/** Change windows as people write them. Pure. */
import { excerpt } from "../text/Excerpt.ts"
import type { Window } from "./Plan.ts"

const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
const DAY = 1_440
const WEEK = 7 * DAY
const WINDOW = /^(?:(daily|[a-z]{3}(?:-[a-z]{3})?)\s+)?(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})(?:\s+(.+))?$/i
const WRITE = "write Mon-Fri 09:00-16:00 UTC, Sat 22:00-02:00 UTC or daily 09:00-16:00 UTC"

/** One for each day of "Mon-Fri 09:00-16:00 UTC"; a text says what is wrong. */
export const windowsOf = (text: string): ReadonlyArray<Window> | string => {
  const found = text.length > 60 ? null : WINDOW.exec(text.trim())
  if (found === null) return `${excerpt(text)} is no window: ${WRITE}`
  const [, days = "daily", fromHour, fromMinute, untilHour, untilMinute, zone = "UTC"] = found
  if (!/^(utc|z|gmt)$/i.test(zone))
    return `${excerpt(text)} is of another zone than UTC, which windows are told in: ${WRITE}`
  const [begin, end] = [minuteOf(fromHour!, fromMinute!), minuteOf(untilHour!, untilMinute!)]
  if (begin === undefined || end === undefined || begin === DAY)
    return `${excerpt(text)} has a time that there is not: ${WRITE}`
  if (begin === end) return `${excerpt(text)} ends when it begins: ${WRITE}`
  const [first, last = first] = days.toLowerCase() === "daily" ? ["mon", "sun"] : days.toLowerCase().split("-")
  const [a, b] = [DAYS.indexOf(first!), DAYS.indexOf(last!)]
  if (a < 0 || b < 0) return `${excerpt(text)} has a day that there is not: ${WRITE}`
  const many = ((b - a + 7) % 7) + 1
  return Array.from({ length: many }, (_, nth) => {
    const from = ((a + nth) % 7) * DAY + begin
    const until = (from + ((end - begin + DAY) % DAY || DAY)) % WEEK
    return { from, until: until === 0 ? WEEK : until }
  })
}

const minuteOf = (hour: string, minute: string): number | undefined => {
  const minutes = 60 * Number(hour) + Number(minute)
  return Number(minute) < 60 && minutes <= DAY ? minutes : undefined
}
