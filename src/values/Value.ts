/**
 * Reads the text of a value as its type. Pure.
 *
 *   V1  What is accepted is well-formed Unicode, within size and depth, and has no key that touches prototypes.
 *   V2  Every number is finite; every `$secret` is a reference by name.
 *   V3  Refusals say what is wrong and where.
 *   V5  What is accepted is stored as it was written; a text that readers would understand differently (a name twice) is refused.
 */
import { Result, type Schema } from "effect"
import { excerpt } from "../text/Excerpt.ts"
import { inexactIn, isExact, NUMBER, numbersIn, survey, twiceIn } from "./Json.ts"
import { VALUE_BYTES } from "./Limits.ts"
import { whyNotJson } from "./NotJson.ts"
import { look, NOT_FINITE, type Structure } from "./Structure.ts"
import type { ValueType } from "./ValueType.ts"
import { jsonOfYaml } from "./Yaml.ts"

const encoder = new TextEncoder()

/** Bytes of UTF-8. */
export const bytesOf = (text: string): number => encoder.encode(text).byteLength

export const exceeds = (text: string, bytes: number): boolean =>
  text.length > bytes || (text.length * 3 > bytes && bytesOf(text) > bytes)

/** Why PostgreSQL or a client can't hold the text; undefined: all can. */
export const textProblem = (text: string): string | undefined =>
  !text.isWellFormed()
    ? "it is not valid Unicode (an unpaired surrogate)"
    : text.includes("\u0000")
      ? "it has a NUL character (U+0000)"
      : undefined

/** Whether it is a finite number as JSON writes it. */
export const isNumber = (text: string): boolean =>
  text.length <= 1_024 && NUMBER.test(text) && Number.isFinite(Number(text))

/** QJ1 in NotJson.ts */
export const notNumber = (text: string): string =>
  `${/^[-+.\deE]+$/.test(text) ? excerpt(text) : "it"} is not a finite number as JSON writes it, without spaces`

/** A value that was read. */
export interface Read {
  readonly json: Schema.Json
  /** Numbers that JavaScript does not hold exactly, as they were written, by JSON Pointer. Undefined: there are none. */
  readonly inexact: ReadonlyMap<string, string> | undefined
}

export interface HowToRead {
  /** It was accepted before, so that what an older Herald took stays readable. */
  readonly stored?: boolean | undefined
  /** JSON that `inspect` has checked already, so that it is only parsed. */
  readonly checked?: boolean | undefined
}

/** Reads a text as its type. V1, V2, V5 */
export const read = (type: ValueType, text: string, how: HowToRead = {}): Result.Result<Read, string> => {
  if (type === "json" && how.checked === true) {
    return Result.map(parseJson(text), (json) => ({ json: json as Schema.Json, inexact: inexactOf(text) }))
  }
  const problem = sizeProblem(text) ?? textProblem(text)
  if (problem !== undefined) return Result.fail(problem)
  switch (type) {
    case "string":
      return Result.succeed({ json: text, inexact: undefined })
    case "boolean":
      return text === "true" || text === "false"
        ? Result.succeed({ json: text === "true", inexact: undefined })
        : Result.fail("it is neither true nor false")
    case "number":
      return isNumber(text)
        ? Result.succeed({ json: Number(text), inexact: isExact(text) ? undefined : new Map([["", text]]) })
        : Result.fail(notNumber(text))
    case "json":
      return readJson(text, how.stored !== true)
    case "yaml":
      return Result.flatMap(jsonOfYaml(text), (json) => readJson(json, false))
  }
}

const sizeProblem = (text: string): string | undefined =>
  exceeds(text, VALUE_BYTES) ? `it is larger than ${VALUE_BYTES} bytes` : undefined

const parseJson = (text: string): Result.Result<unknown, string> => {
  try {
    return Result.succeed(JSON.parse(text))
  } catch {
    return Result.fail(
      text.startsWith("\ufeff")
        ? "it begins with a byte order mark (U+FEFF); save it as UTF-8 without one"
        : `it is not JSON: ${whyNotJson(text)}`
    )
  }
}

/** The first number that is too large, at most 40 characters of it. */
const notFinite = (text: string): string => {
  for (const number of numbersIn(text)) if (!Number.isFinite(Number(number))) return number.slice(0, 40)
  return ""
}

/** V1, V2, V3 of JSON that was parsed from `text`. */
export const inspect = (json: unknown, text: string): Structure => {
  const found = look(json, { escapes: text.includes("\\u") })
  return found.problem === NOT_FINITE ? { ...found, problem: `${NOT_FINITE}: ${notFinite(text)}` } : found
}

/** Faster than a look at the text, and enough for most JSON of programs: where JSON.stringify gives the same text, nothing was lost. */
const isAsWritten = (text: string, json: Schema.Json): boolean =>
  !/[[{,:]\s/.test(text.slice(0, 256)) && JSON.stringify(json) === text

const inexactOf = (text: string): Read["inexact"] => (survey(text).inexact === -1 ? undefined : inexactIn(text))

const readJson = (text: string, once: boolean): Result.Result<Read, string> =>
  Result.flatMap(parseJson(text), (parsed) => {
    const { problem, members } = inspect(parsed, text)
    if (problem !== undefined) return Result.fail(problem)
    const json = parsed as Schema.Json
    if (isAsWritten(text, json)) return Result.succeed({ json, inexact: undefined })
    const written = survey(text)
    return once && written.members !== members
      ? Result.fail(`the name ${excerpt(twiceIn(text) ?? "")} appears twice in one object`) // V5
      : Result.succeed({ json, inexact: written.inexact === -1 ? undefined : inexactIn(text) })
  })
