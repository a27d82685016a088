/**
 * Reads the text of a value as its type. Pure.
 *
 *   V1  What is accepted is well-formed Unicode, within size and depth, and has no key that touches prototypes.
 *   V2  Every number is finite; every `$secret` is a reference by name.
 *   V3  Refusals say what is wrong and where.
 *   V5  What is accepted is stored as it was written; a text that readers would understand differently (a name twice) is refused.
 */
import { Result, type Schema } from "effect"
import { limits, type ValueType } from "../configuration/Configuration.ts"
import { isKey } from "../keys/Key.ts"
import { excerpt } from "../text/Excerpt.ts"
import { inexactIn, isExact, NUMBER, numbersIn, survey, twiceIn } from "./Json.ts"
import { jsonOfYaml } from "./Yaml.ts"

const encoder = new TextEncoder()

/** Bytes of UTF-8. */
export const bytesOf = (text: string): number => encoder.encode(text).byteLength

export const exceeds = (text: string, bytes: number): boolean =>
  text.length > bytes || (text.length * 3 > bytes && bytesOf(text) > bytes)

/** Text that PostgreSQL and every client can hold; otherwise why not. */
export const textProblem = (text: string): string | undefined =>
  !text.isWellFormed()
    ? "it is not valid Unicode (an unpaired surrogate)"
    : text.includes("\u0000")
      ? "it has a NUL character (U+0000)"
      : undefined

/** A finite number as JSON writes it. */
export const isNumber = (text: string): boolean =>
  text.length <= 1_024 && NUMBER.test(text) && Number.isFinite(Number(text))

/** A value that was read. */
export interface Read {
  readonly json: Schema.Json
  /** Numbers that JavaScript does not hold exactly, as they were written, by JSON Pointer. Undefined: there are none. */
  readonly inexact: ReadonlyMap<string, string> | undefined
}

/** Reads a text as its type. V1, V2, V5. `stored`: it was accepted before; what an older Herald took stays readable. */
export const read = (
  type: ValueType,
  text: string,
  options?: { readonly stored?: boolean }
): Result.Result<Read, string> => {
  const problem = sizeProblem(text) ?? textProblem(text)
  if (problem !== undefined) return Result.fail(problem)
  switch (type) {
    case "string":
      return Result.succeed({ json: text, inexact: undefined })
    case "boolean":
      return text === "true" || text === "false"
        ? Result.succeed({ json: text === "true", inexact: undefined })
        : Result.fail(`${excerpt(text)} is neither true nor false`)
    case "number":
      return isNumber(text)
        ? Result.succeed({ json: Number(text), inexact: isExact(text) ? undefined : new Map([["", text]]) })
        : Result.fail(`${excerpt(text)} is not a finite number as JSON writes it, without spaces`)
    case "json":
      return readJson(text, options?.stored !== true)
    case "yaml":
      return Result.flatMap(jsonOfYaml(text), (json) => readJson(json, false))
  }
}

/** What is stored, or rendered from it, without a look at its numbers: on the way to every client. */
export const parse = (type: ValueType, text: string): Result.Result<Schema.Json, string> => {
  if (type !== "json") return Result.map(read(type, text, { stored: true }), ({ json }) => json)
  const problem = sizeProblem(text) ?? textProblem(text)
  return problem === undefined ? Result.map(readable(text), ({ json }) => json) : Result.fail(problem)
}

const sizeProblem = (text: string): string | undefined =>
  exceeds(text, limits.value) ? `it is larger than ${limits.value} bytes` : undefined

const parseJson = (text: string): Result.Result<unknown, string> => {
  try {
    return Result.succeed(JSON.parse(text))
  } catch (error) {
    return Result.fail(
      text.startsWith("\ufeff")
        ? "it begins with a byte order mark (U+FEFF); save it as UTF-8 without one"
        : `it is not JSON: ${(error as Error).message}`
    )
  }
}

const NOT_FINITE = "a number in it is not finite"

/** The first number that is too large, at most 40 characters of it. */
const notFinite = (text: string): string => {
  for (const number of numbersIn(text)) if (!Number.isFinite(Number(number))) return number.slice(0, 40)
  return ""
}

/** V1, V2. `members`: of all its objects together. */
const readable = (text: string): Result.Result<{ readonly json: Schema.Json; readonly members: number }, string> =>
  Result.flatMap(parseJson(text), (json) => {
    const { problem, members } = look(json, { secrets: true, escapes: text.includes("\\u") })
    if (problem === undefined) return Result.succeed({ json: json as Schema.Json, members })
    return Result.fail(problem === NOT_FINITE ? `${problem}: ${notFinite(text)}` : problem) // V3
  })

/** Faster than a look at the text, and enough for most that programs write: what JSON.stringify gives back lost nothing. */
const isAsWritten = (text: string, json: Schema.Json): boolean =>
  !/[[{,:]\s/.test(text.slice(0, 256)) && JSON.stringify(json) === text

const readJson = (text: string, once: boolean): Result.Result<Read, string> =>
  Result.flatMap(readable(text), ({ json, members }) => {
    if (isAsWritten(text, json)) return Result.succeed({ json, inexact: undefined })
    const written = survey(text)
    return once && written.members !== members
      ? Result.fail(`the name ${excerpt(twiceIn(text) ?? "")} appears twice in one object`) // V5
      : Result.succeed({ json, inexact: written.inexact === -1 ? undefined : inexactIn(text) })
  })

/** More than any JSON of the largest size has; YAML aliases can expand to more. */
const NODES = 600_000

/** V1, V2: the first rule that a parsed document breaks. `secrets: false` leaves `$secret` alone, for schemas. */
export const problemIn = (root: unknown, options?: { readonly secrets?: boolean }): string | undefined =>
  look(root, { secrets: options?.secrets ?? true, escapes: true }).problem

/** `escapes`: strings may hold what the text around them does not show. */
const look = (
  root: unknown,
  { secrets, escapes }: { readonly secrets: boolean; readonly escapes: boolean }
): { readonly problem: string | undefined; readonly members: number } => {
  let nodes = 1
  let members = 0
  const visit = (value: unknown, depth: number): string | undefined => {
    switch (typeof value) {
      case "string":
        return !escapes || value.isWellFormed()
          ? undefined
          : "a string in it is not valid Unicode (an unpaired surrogate)"
      case "number":
        return Number.isFinite(value) ? undefined : NOT_FINITE
      case "boolean":
        return undefined
      case "object":
        break
      default:
        return `it holds a ${typeof value}, which JSON can't express`
    }
    if (value === null) return undefined
    if (depth === limits.depth) return `it is nested more than ${limits.depth} levels deep`
    if (Array.isArray(value)) {
      if ((nodes += value.length) > NODES) return `it expands to more than ${NODES} values`
      for (const item of value) {
        const problem = visit(item, depth + 1)
        if (problem !== undefined) return problem
      }
      return undefined
    }
    let own = 0
    let secret = false
    for (const key in value) {
      own++
      if (key === "__proto__" || key === "constructor" || key === "prototype") return `the key ${key} is not allowed`
      if (escapes && !key.isWellFormed()) return "a key in it is not valid Unicode (an unpaired surrogate)"
      if (key === "$secret") secret = true
      const problem = visit((value as Record<string, unknown>)[key], depth + 1)
      if (problem !== undefined) return problem
    }
    members += own
    if ((nodes += own) > NODES) return `it expands to more than ${NODES} values`
    if (secrets && secret && secretName(value as Record<string, unknown>) === undefined) {
      return '$secret is reserved: {"$secret": "name"} with a valid key as name and nothing beside it'
    }
    return undefined
  }
  const problem = visit(root, 0)
  return { problem, members }
}

const secretName = (record: Readonly<Record<string, unknown>>): string | undefined => {
  const name = record["$secret"]
  return typeof name === "string" && isKey(name) && Object.keys(record).length === 1 ? name : undefined
}

/** Names of the secrets that a value refers to, sorted. */
export const secretsIn = (value: Schema.Json): ReadonlyArray<string> => {
  const found = new Set<string>()
  const visit = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return
    if (!Array.isArray(node)) {
      const name = secretName(node as Record<string, unknown>)
      if (name !== undefined) return void found.add(name)
    }
    for (const child of Object.values(node)) visit(child)
  }
  visit(value)
  return [...found].sort()
}
