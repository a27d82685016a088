/**
 * A release file: many changes that become one revision. Pure.
 *
 *   message: why                 # optional
 *   environment: production      # optional, for changes without one of their own
 *   changes:
 *     - { key: a, value: { x: true } }
 *     - { key: b, value: "text", type: string, schema: {…}, strict: true, expectedVersion: 3, environment: staging }
 *     - { key: c, delete: true }
 *
 *   Y1  A misspelt field is an error, never ignored.
 */
import { type CliFailure, usage } from "./CliFailure.ts"

export interface ReleaseBody {
  readonly message?: string
  readonly changes: ReadonlyArray<Record<string, unknown>>
}

type Fields = Record<string, unknown>

const EXAMPLE = "See `herald release apply --help` for the shape."
const topFields = ["message", "environment", "changes"]
const changeFields = ["key", "environment", "value", "type", "schema", "strict", "expectedVersion", "delete"]

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const unknownField = (fields: Fields, allowed: ReadonlyArray<string>): string | undefined =>
  Object.keys(fields).find((name) => !allowed.includes(name))

const typeOf = (value: unknown): Fields => {
  if (typeof value === "number") return { type: "number" }
  if (typeof value === "boolean") return { type: "boolean" }
  return typeof value === "string" ? {} : { type: "json" }
}

const change = (given: unknown, at: number, environment: string): Fields | CliFailure => {
  const where = `changes[${at}]`
  if (!isObject(given)) return usage(`${where} is not a mapping`, EXAMPLE)
  const wrong = unknownField(given, changeFields)
  if (wrong !== undefined)
    return usage(`${where} has an unknown field "${wrong}"`, `Fields: ${changeFields.join(", ")}.`)
  if (typeof given["key"] !== "string") return usage(`${where} has no key`, EXAMPLE)
  const { delete: deletes, ...rest } = given
  if (deletes !== undefined && typeof deletes !== "boolean")
    return usage(`${where}.delete must be true or false`, EXAMPLE)
  if (deletes === true && "value" in rest) return usage(`${where} has a value and delete: true`, "Keep one of them.")
  if (deletes !== true && (rest["value"] === undefined || rest["value"] === null)) {
    return usage(`${where} (${given["key"]}) has no value`, "Give a value, or delete: true.")
  }
  const value = deletes === true ? null : rest["value"]
  const type = rest["type"] === undefined && value !== null ? typeOf(value) : {}
  return {
    environment,
    ...rest,
    ...type,
    value: value === null || typeof value === "string" ? value : JSON.stringify(value)
  }
}

/** `document`: the parsed file. `environment`: for changes when neither they nor the file name one. */
export const releaseOf = (document: unknown, environment: string): ReleaseBody | CliFailure => {
  if (!isObject(document)) return usage("the release file is not a mapping", EXAMPLE)
  const wrong = unknownField(document, topFields)
  if (wrong !== undefined)
    return usage(`the release file has an unknown field "${wrong}"`, `Fields: ${topFields.join(", ")}.`)
  const { message, changes } = document
  if (message !== undefined && typeof message !== "string") return usage("message must be a text", EXAMPLE)
  if (!Array.isArray(changes) || changes.length === 0) return usage("the release file has no changes", EXAMPLE)
  const own = document["environment"]
  if (own !== undefined && typeof own !== "string") return usage("environment must be a text", EXAMPLE)
  const made: Array<Fields> = []
  for (const [at, given] of changes.entries()) {
    const one = change(given, at, own ?? environment)
    if (one instanceof Error) return one as CliFailure
    made.push(one)
  }
  return { ...(message === undefined ? {} : { message }), changes: made }
}
