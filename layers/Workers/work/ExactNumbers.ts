/** Gives ajv keywords that compare numbers in decimal, as they were written (SV1). */
import type { Ajv2020, FuncKeywordDefinition } from "ajv/dist/2020.js"
import { decimal } from "../../../src/values/Json.ts"

/** Numbers of the value under validation that JavaScript does not hold exactly, by JSON Pointer. */
export type Inexact = ReadonlyMap<string, string>

interface Decimal {
  readonly sign: 1 | -1
  /** Without zeros around them; "0" is zero. */
  readonly digits: string
  /** The power of ten of the last digit. */
  readonly exponent: number
}

const decimalOf = (number: string): Decimal => {
  const [, minus = "", digits = "0", exponent = "0"] = /^(-?)(\d+)(?:e(.+))?$/.exec(decimal(number)) ?? []
  return { sign: minus === "" ? 1 : -1, digits, exponent: Number(exponent) }
}

const signOf = ({ sign, digits }: Decimal): number => (digits === "0" ? 0 : sign)

/** Below 0 when a is less than b. Takes time by the digits, whatever the exponents are. */
const compare = (a: Decimal, b: Decimal): number => {
  if (signOf(a) !== signOf(b)) return signOf(a) - signOf(b)
  if (signOf(a) === 0) return 0
  const magnitude = a.exponent + a.digits.length - (b.exponent + b.digits.length)
  if (magnitude !== 0) return magnitude * a.sign
  return a.digits === b.digits ? 0 : (a.digits < b.digits ? -1 : 1) * a.sign
}

/**
 * Whether a × 10^p is a multiple of b × 10^q. Where p < q it is not, as a does not end with 0. Otherwise b must divide a × 10^(p - q), which is
 * computed modulo b, so that no number is longer than the longer of the two.
 */
const isMultiple = (value: Decimal, of: Decimal): boolean => {
  if (value.digits === "0") return true
  if (of.digits === "0" || value.exponent < of.exponent) return false
  const modulus = BigInt(of.digits)
  let rest = 0n
  for (let at = 0; at < value.digits.length; at += 15) {
    const chunk = value.digits.slice(at, at + 15)
    rest = (rest * 10n ** BigInt(chunk.length) + BigInt(chunk)) % modulus
  }
  let [power, base] = [value.exponent - of.exponent, 10n % modulus]
  for (; power > 0 && rest !== 0n; power = Math.floor(power / 2)) {
    if (power % 2 === 1) rest = (rest * base) % modulus
    base = (base * base) % modulus
  }
  return rest === 0n
}

/** A text that is equal for equal JSON, with numbers as decimals. */
const textOf = (value: unknown, pointer: string, inexact: Inexact): string => {
  if (typeof value === "number") return decimal(inexact.get(pointer) ?? String(value))
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map((item, at) => textOf(item, `${pointer}/${at}`, inexact)).join(",")}]`
  const members = Object.entries(value).map(([name, member]) => {
    const step = name.replaceAll("~", "~0").replaceAll("/", "~1")
    return `${JSON.stringify(name)}:${textOf(member, `${pointer}/${step}`, inexact)}`
  })
  return `{${members.sort().join(",")}}`
}

const none: Inexact = new Map()

const replace = (ajv: Ajv2020, definition: FuncKeywordDefinition & { readonly keyword: string }): void => {
  ajv.removeKeyword(definition.keyword)
  ajv.addKeyword(definition)
}

/** `multipleOf` for every value: 19.99 / 0.01 is no whole number in binary. */
export const addMultipleOf = (ajv: Ajv2020, inexact: () => Inexact = () => none): void =>
  replace(ajv, {
    keyword: "multipleOf",
    type: "number",
    schemaType: "number",
    compile: (of: number) => {
      const divisor = decimalOf(String(of))
      return (value: number, at) =>
        isMultiple(decimalOf(inexact().get(at?.instancePath ?? "") ?? String(value)), divisor)
    },
    error: { message: ({ schema }) => `must be multiple of ${schema}` }
  })

const LIMITS: ReadonlyArray<readonly [string, string, (order: number) => boolean]> = [
  ["minimum", ">=", (order) => order >= 0],
  ["maximum", "<=", (order) => order <= 0],
  ["exclusiveMinimum", ">", (order) => order > 0],
  ["exclusiveMaximum", "<", (order) => order < 0]
]

/** Adds every keyword that compares numbers, for values with numbers that JavaScript does not hold exactly. */
export const addExactKeywords = (ajv: Ajv2020, inexact: () => Inexact): void => {
  addMultipleOf(ajv, inexact)
  for (const [keyword, sign, holds] of LIMITS) {
    replace(ajv, {
      keyword,
      type: "number",
      schemaType: "number",
      compile: (limit: number) => {
        const bound = decimalOf(String(limit))
        return (value: number, at) =>
          holds(compare(decimalOf(inexact().get(at?.instancePath ?? "") ?? String(value)), bound))
      },
      error: { message: ({ schema }) => `must be ${sign} ${schema}` }
    })
  }
  replace(ajv, {
    keyword: "const",
    compile: (wanted: unknown) => {
      const text = textOf(wanted, "", none)
      return (value: unknown, at) => textOf(value, at?.instancePath ?? "", inexact()) === text
    },
    error: { message: "must be equal to constant" }
  })
  replace(ajv, {
    keyword: "enum",
    schemaType: "array",
    compile: (wanted: ReadonlyArray<unknown>) => {
      const texts = new Set(wanted.map((one) => textOf(one, "", none)))
      return (value: unknown, at) => texts.has(textOf(value, at?.instancePath ?? "", inexact()))
    },
    error: { message: "must be equal to one of the allowed values" }
  })
  replace(ajv, {
    keyword: "uniqueItems",
    type: "array",
    schemaType: "boolean",
    compile: (wanted: boolean) => (value: ReadonlyArray<unknown>, at) => {
      const pointer = at?.instancePath ?? ""
      return !wanted || new Set(value.map((one, n) => textOf(one, `${pointer}/${n}`, inexact()))).size === value.length
    },
    error: { message: "must NOT have duplicate items" }
  })
}

/** The value with some fraction in each number whose own JavaScript would lose, so that `type: integer` sees that there is one. */
export const withFractions = (value: unknown, inexact: Inexact): unknown => {
  let root = value
  for (const [pointer, number] of inexact) {
    if (decimalOf(number).exponent >= 0) continue
    const steps = pointer.split("/").map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))
    let parent: unknown = { "": root }
    for (const step of steps.slice(0, -1)) parent = (parent as Record<string, unknown>)[step]
    if (steps.length === 1) root = 0.5
    else (parent as Record<string, unknown>)[steps.at(-1) as string] = 0.5
  }
  return root
}
