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
 *   RE1  A misspelt field is an error, never ignored.
 *   RE2  A value arrives as it is written: of a JSON file byte for byte, of YAML as the JSON that says the same, digit by digit.
 */
import { readCarrier, type Written } from "../../../values/Written.ts"
import { jsonOfYamlFile } from "../../../values/Yaml.ts"
import { type CliFailure, usage } from "../../CliFailure.ts"

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

/** YAML has no type for a text; the server knows what the key has. */
const typeOf = ({ type }: Written): Fields => (type === "string" ? {} : { type })

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
  if (deletes === true) return { environment, ...rest, value: null }
  const value = rest["value"] as Written
  return { environment, ...rest, ...(rest["type"] === undefined ? typeOf(value) : {}), value: value.text }
}

/** JSON if it is JSON, otherwise YAML. */
const documentOf = (name: string, text: string): { readonly document: unknown } | CliFailure => {
  const isJson = /^\s*[{[]/.test(text) && parses(text)
  const json = isJson ? { _tag: "Success" as const, success: text } : jsonOfYamlFile(text)
  const document = json._tag === "Success" ? readCarrier(json.success, "changes") : json
  if (document._tag === "Success") return { document: document.success }
  const reason = document.failure
  return usage(
    reason.startsWith("it is ") ? `${name} ${reason.slice(3)}` : `${name}: ${reason}`,
    "Correct what the message names."
  )
}

const parses = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** `name`: of the file. `environment`: for changes when neither they nor the file name one. */
export const releaseOf = (name: string, text: string, environment: string): ReleaseBody | CliFailure => {
  const read = documentOf(name, text)
  if (read instanceof Error) return read
  const { document } = read
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
