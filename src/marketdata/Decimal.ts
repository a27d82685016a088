/**
 * Exact decimals. A price is a whole number of 1e-9, a size a whole number and the place of its point. Pure.
 *
 *   MD1  What was written comes back as the same number, digit by digit, or was refused with what is wrong: it never passes through a double.
 */
import { excerpt } from "../text/Excerpt.ts"

/** Digits behind the point of a price. */
export const PRICE_SCALE = 9
/** The most digits behind the point of a size. */
export const SIZE_SCALE = 18
/** What 64 bits hold, on the wire and in the database. */
const INT64 = 2n ** 63n
/** Characters of a number that is read at all. */
const LONGEST = 64
const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,2}))?$/

/** `unscaled` × 10^-`scale`. */
export interface Decimal {
  readonly unscaled: bigint
  /** 0 to 64. */
  readonly scale: number
}

export const ZERO: Decimal = { unscaled: 0n, scale: 0 }

/** 10^0 to 10^64, which sums of products need. */
const POWERS = Array.from({ length: 65 }, (_, n) => 10n ** BigInt(n))
const power = (n: number): bigint => POWERS[n]!

/** Without zeros behind the last digit that says something. */
const shortest = (unscaled: bigint, scale: number): Decimal => {
  while (scale > 0 && unscaled % 10n === 0n) {
    unscaled /= 10n
    scale--
  }
  return { unscaled, scale }
}

/** Of "187.23", "1e-8" or 12 as JSON has it; a text says what is wrong. MD1 */
export const decimalOf = (text: string): Decimal | string => {
  const found = text.length > LONGEST ? null : NUMBER.exec(text)
  if (found === null) return `${excerpt(text)} is no decimal number`
  const [, sign, whole, behind = "", exponent = "0"] = found
  const scale = behind.length - Number(exponent)
  if (scale < -64) return `${excerpt(text)} has more digits than are read`
  const digits = BigInt(`${whole}${behind}`)
  const { unscaled, scale: places } =
    scale < 0 ? { unscaled: digits * power(-scale), scale: 0 } : shortest(digits, scale)
  return places > 64
    ? `${excerpt(text)} is finer than 1e-64`
    : { unscaled: sign === "-" ? -unscaled : unscaled, scale: places }
}

/** The shortest text of it: "187.2", "0.00000001", "-3". */
export const decimalText = (decimal: Decimal): string => {
  const { unscaled, scale } = shortest(decimal.unscaled, decimal.scale)
  if (scale === 0) return String(unscaled)
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0")
  return `${unscaled < 0n ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

/** In units of 1e-9; a text says what is wrong. MD1 */
export const priceOf = (text: string): bigint | string => {
  const decimal = decimalOf(text)
  if (typeof decimal === "string") return decimal
  if (decimal.scale > PRICE_SCALE) return `${excerpt(text)} is finer than 1e-9, which no price is`
  const nanos = decimal.unscaled * power(PRICE_SCALE - decimal.scale)
  return nanos < -INT64 || nanos >= INT64 ? `${excerpt(text)} is beyond ±9.2e9, where prices end` : nanos
}

export const priceText = (nanos: bigint): string => decimalText({ unscaled: nanos, scale: PRICE_SCALE })

/** Not below zero, in 64 bits; a text says what is wrong. MD1 */
export const sizeOf = (text: string): Decimal | string => {
  const decimal = decimalOf(text)
  if (typeof decimal === "string") return decimal
  if (decimal.unscaled < 0n) return `${excerpt(text)} is below zero, which no size is`
  if (decimal.scale > SIZE_SCALE) return `${excerpt(text)} is finer than 1e-18, which no size is`
  return decimal.unscaled >= INT64 ? `${excerpt(text)} has more digits than a size has` : decimal
}

export const plus = (a: Decimal, b: Decimal): Decimal =>
  a.scale === b.scale
    ? { unscaled: a.unscaled + b.unscaled, scale: a.scale }
    : a.scale > b.scale
      ? { unscaled: a.unscaled + b.unscaled * power(a.scale - b.scale), scale: a.scale }
      : plus(b, a)

/** What was paid: price × size. */
export const product = (nanos: bigint, size: Decimal): Decimal => ({
  unscaled: nanos * size.unscaled,
  scale: PRICE_SCALE + size.scale
})

/** `total` ÷ `size` in units of 1e-9, the half rounded away from zero; undefined where the size is 0. */
export const perUnit = (total: Decimal, size: Decimal): bigint | undefined => {
  if (size.unscaled === 0n) return undefined
  // total/10^t ÷ size/10^s × 10^9
  const by = PRICE_SCALE + size.scale - total.scale
  const above = by >= 0 ? total.unscaled * power(by) : total.unscaled
  const below = by >= 0 ? size.unscaled : size.unscaled * power(-by)
  const twice = 2n * (above < 0n ? -above : above) + below
  const rounded = twice / (2n * below)
  return above < 0n ? -rounded : rounded
}
