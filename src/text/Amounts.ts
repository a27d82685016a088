/** Durations, shares and other amounts as people write and read them. Pure. */
import { excerpt } from "./Excerpt.ts"

const UNITS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 } as const
const SPAN = /^(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?$/

/** Milliseconds of the longest. */
export const LONGEST = 90 * UNITS.d

/** Milliseconds of "5m" or "1h30m"; a text says what is wrong. */
export const spanOf = (text: string): number | string => {
  const found = text.length > 40 ? null : SPAN.exec(text.trim())
  if (found === null || text.trim() === "") return `${excerpt(text)} is no duration: write 30s, 5m, 1h30m or 2d`
  const [days, hours, minutes, seconds] = found.slice(1).map((digits) => Number(digits ?? 0)) as [
    number,
    number,
    number,
    number
  ]
  const millis = days * UNITS.d + hours * UNITS.h + minutes * UNITS.m + seconds * UNITS.s
  return millis > LONGEST ? `${excerpt(text)} is longer than 90d` : millis
}

/** The same the other way: "5m", "1h30m", "0s". */
export const spanText = (millis: number): string => {
  let left = Math.round(millis / 1_000) * 1_000
  let text = ""
  for (const unit of ["d", "h", "m", "s"] as const) {
    const many = Math.floor(left / UNITS[unit])
    left -= many * UNITS[unit]
    if (many > 0) text += `${many}${unit}`
  }
  return text === "" ? "0s" : text
}

/** 0.02 of "2%" or "0.02"; a text says what is wrong. */
export const ratioOf = (text: string): number | string => {
  const found = /^(\d{1,3}(?:\.\d{1,6})?|\.\d{1,6})\s*(%?)$/.exec(text.trim())
  if (found === null) return `${excerpt(text)} is no share: write 2% or 0.02`
  const ratio = found[2] === "%" ? tidy(Number(found[1]) / 100) : Number(found[1])
  return ratio > 1 ? `${excerpt(text)} is more than everything: write ${text.trim()}%, if that is meant` : ratio
}

/** Without what binary fractions add. */
export const tidy = (number: number): number => Number(number.toPrecision(12))

/** What stands where an amount belongs, whatever it is: JSON has members that are called toString, too. */
export const written = (said: unknown): string => (typeof said === "string" ? said : (JSON.stringify(said) ?? ""))

/** "2.23%": three digits that say something. */
export const shareText = (share: number): string => `${Number((100 * share).toPrecision(3))}%`

/** "1.62×". */
export const timesText = (ratio: number): string =>
  ratio === Number.POSITIVE_INFINITY ? "∞" : ratio > 1_000 ? "over 1,000×" : `${Number(ratio.toPrecision(3))}×`

/** "1,000": rounded. */
export const whole = (n: number): string => Math.round(n).toLocaleString("en-US")
