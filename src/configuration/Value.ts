/**
 * Reads the text of a value as its type. Pure.
 *
 *   V1  What is accepted is well-formed Unicode, within size and depth, and has no key that touches prototypes.
 *   V2  Every number is finite; every `$secret` is a reference by name.
 *   V3  Refusals say what is wrong and where.
 */
import { Result, type Schema } from "effect"
import { isKey, limits, type ValueType } from "./Configuration.ts"
import { parseYaml } from "./Yaml.ts"

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

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** A number as JSON writes it. */
export const isNumber = (text: string): boolean =>
  text.length <= 1_024 && NUMBER.test(text) && Number.isFinite(Number(text))

export const parse = (type: ValueType, text: string): Result.Result<Schema.Json, string> => {
  if (exceeds(text, limits.value)) return Result.fail(`it is larger than ${limits.value} bytes`)
  const problem = textProblem(text)
  if (problem !== undefined) return Result.fail(problem)
  switch (type) {
    case "string":
      return Result.succeed(text)
    case "boolean":
      return text === "true" || text === "false"
        ? Result.succeed(text === "true")
        : Result.fail(`${excerpt(text)} is neither true nor false`)
    case "number":
      return isNumber(text)
        ? Result.succeed(Number(text))
        : Result.fail(`${excerpt(text)} is not a finite number as JSON writes it, without spaces`)
    case "json":
      return checked(parseJson(text))
    case "yaml":
      return checked(parseYaml(text))
  }
}

const parseJson = (text: string): Result.Result<unknown, string> => {
  try {
    return Result.succeed(JSON.parse(text))
  } catch (error) {
    return Result.fail(`it is not JSON: ${(error as Error).message}`)
  }
}

const checked = (result: Result.Result<unknown, string>): Result.Result<Schema.Json, string> => {
  if (Result.isFailure(result)) return Result.fail(result.failure)
  const problem = problemIn(result.success)
  return problem === undefined ? Result.succeed(result.success as Schema.Json) : Result.fail(problem)
}

/** More than any JSON of the largest size has; YAML aliases can expand to more. */
const NODES = 600_000

/** V1, V2: the first rule that a parsed document breaks. `secrets: false` leaves `$secret` alone, for schemas. */
export const problemIn = (root: unknown, options?: { readonly secrets?: boolean }): string | undefined => {
  const secrets = options?.secrets ?? true
  let nodes = 0
  const visit = (value: unknown, depth: number): string | undefined => {
    if (++nodes > NODES) return `it expands to more than ${NODES} values`
    switch (typeof value) {
      case "string":
        return value.isWellFormed() ? undefined : "a string in it is not valid Unicode (an unpaired surrogate)"
      case "number":
        return Number.isFinite(value) ? undefined : "a number in it is not finite"
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
      for (const item of value) {
        const problem = visit(item, depth + 1)
        if (problem !== undefined) return problem
      }
      return undefined
    }
    const record = value as Record<string, unknown>
    for (const key of Object.keys(record)) {
      if (key === "__proto__" || key === "constructor" || key === "prototype") return `the key ${key} is not allowed`
      if (!key.isWellFormed()) return "a key in it is not valid Unicode (an unpaired surrogate)"
      const problem = visit(record[key], depth + 1)
      if (problem !== undefined) return problem
    }
    if (secrets && Object.hasOwn(record, "$secret") && secretName(record) === undefined) {
      return '$secret is reserved: {"$secret": "name"} with a valid key as name and nothing beside it'
    }
    return undefined
  }
  return visit(root, 0)
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

/** At most 40 characters, quoted. */
export const excerpt = (text: string): string =>
  JSON.stringify(text.length > 40 ? `${text.slice(0, 40).toWellFormed()}…` : text)
