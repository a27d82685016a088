/** Reads when something is to be done: a time with its offset, or how long from now. Pure. */
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { excerpt } from "../text/Excerpt.ts"

/** One of both. */
export type When =
  | { readonly dueAt: number; readonly afterMillis: null }
  | { readonly dueAt: null; readonly afterMillis: number }

/** RFC 3339, seconds optional. Without an offset nobody knows whose nine o'clock it is. */
const TIME = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:\d{2})$/
const LOCAL = /^\d{4}-\d{2}-\d{2}([Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?)?$/
const SPAN = /^\+(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,7})m)?(?:(\d{1,9})s)?$/

const wrong = (text: string, why: string): HeraldError => failure("ScheduleTime", `at: ${excerpt(text)} ${why}`)

/** What is wrong is a `ScheduleTime`. */
export const whenOf = (text: string): When | HeraldError => {
  const span = SPAN.exec(text)
  if (span !== null && text.length > 1) {
    const [days, hours, minutes, seconds] = span.slice(1).map((digits) => Number(digits ?? 0)) as [
      number,
      number,
      number,
      number
    ]
    const afterMillis = 1_000 * (seconds + 60 * (minutes + 60 * (hours + 24 * days)))
    return afterMillis > 0 ? { dueAt: null, afterMillis } : wrong(text, "is no time from now")
  }
  if (LOCAL.test(text)) return wrong(text, "has no offset: say Z, or +01:00, or whichever it is")
  const dueAt = TIME.test(text) ? Date.parse(text.replace(" ", "T").toUpperCase()) : Number.NaN
  // February 30 would become March 2.
  return Number.isNaN(dueAt) || !isDay(text) ? wrong(text, "is no time") : { dueAt, afterMillis: null }
}

const isDay = (text: string): boolean => {
  const day = text.slice(0, 10)
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)
}
