/** Times as people write them to `herald market`. Pure. */
import { spanOf } from "../../../text/Amounts.ts"

const DATE = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/

/** Milliseconds since 1970 of a date with its zone, of such a number, or of how long before `now`; a text says what is wrong. */
export const millisOf = (text: string, now: number): number | string => {
  const written = text.trim()
  if (/^\d{5,15}$/.test(written)) return Number(written)
  if (DATE.test(written)) {
    const millis = Date.parse(written)
    return millis >= 0 ? millis : `${written} is no time that there is`
  }
  if (/^\d{4}-\d{2}-\d{2}T/.test(written)) return `${written} has no zone: write 2026-01-31T09:30:00Z`
  const ago = spanOf(written)
  return typeof ago === "number"
    ? now - ago
    : `${JSON.stringify(written)} is neither a time such as 2026-01-31T09:30:00Z nor how long ago, such as 90m`
}
