/**
 * A release file: many changes that become one revision. Pure.
 *
 *   message: why                 # optional
 *   environment: production      # optional, for changes without one of their own
 *   changes:
 *     - { key: a, value: { x: true } }
 *     - { key: b, value: "text", type: string, schema: {…}, strict: true, expectedVersion: 3, environment: staging }
 *     - { key: c, delete: true }
 *   flags:                       # and segments: likewise, with `segment` in place of `flag`
 *     - { flag: d, value: { enabled: true, percentage: 5 }, expectedVersion: 3, environment: staging }
 *     - { flag: e, archive: true }
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
  readonly flags?: ReadonlyArray<Record<string, unknown>>
  readonly segments?: ReadonlyArray<Record<string, unknown>>
}

type Fields = Record<string, unknown>

const EXAMPLE = "See `herald release apply --help` for the shape."
/** What one of each list has: its name, how it says that it goes, and what else there may be. */
const lists = {
  changes: {
    name: "key",
    gone: "delete",
    fields: ["environment", "value", "type", "schema", "strict", "expectedVersion"]
  },
  flags: { name: "flag", gone: "archive", fields: ["environment", "value", "expectedVersion"] },
  segments: { name: "segment", gone: "archive", fields: ["environment", "value", "expectedVersion"] }
} as const
type List = keyof typeof lists
const LISTS = Object.keys(lists) as ReadonlyArray<List>
const topFields = ["message", "environment", ...LISTS]

const isObject = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const unknownField = (fields: Fields, allowed: ReadonlyArray<string>): string | undefined =>
  Object.keys(fields).find((name) => !allowed.includes(name))

/** YAML has no type for a text; the server knows what the key has. */
const typeOf = ({ type }: Written): Fields => (type === "string" ? {} : { type })

const change = (list: List, given: unknown, at: number, environment: string): Fields | CliFailure => {
  const { name, gone, fields } = lists[list]
  const allowed = [name, ...fields, gone]
  const where = `${list}[${at}]`
  if (!isObject(given)) return usage(`${where} is not a mapping`, EXAMPLE)
  const wrong = unknownField(given, allowed)
  if (wrong !== undefined) return usage(`${where} has an unknown field "${wrong}"`, `Fields: ${allowed.join(", ")}.`)
  if (typeof given[name] !== "string") return usage(`${where} has no ${name}`, EXAMPLE)
  const { [gone]: goes, ...rest } = given
  if (goes !== undefined && typeof goes !== "boolean") return usage(`${where}.${gone} must be true or false`, EXAMPLE)
  if (goes === true && "value" in rest) return usage(`${where} has a value and ${gone}: true`, "Keep one of them.")
  if (goes !== true && (rest["value"] === undefined || rest["value"] === null)) {
    return usage(`${where} (${given[name]}) has no value`, `Give a value, or ${gone}: true.`)
  }
  if (goes === true) return { environment, ...rest, value: null }
  const value = rest["value"] as Written
  const typed = list === "changes" && rest["type"] === undefined ? typeOf(value) : {}
  return { environment, ...rest, ...typed, value: value.text }
}

/** JSON if it is JSON, otherwise YAML. */
export const documentOf = (name: string, text: string): { readonly document: unknown } | CliFailure => {
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
  const { message } = document
  if (message !== undefined && typeof message !== "string") return usage("message must be a text", EXAMPLE)
  const own = document["environment"]
  const named = LISTS.filter((list) => document[list] !== undefined)
  const empty = named.find((list) => !Array.isArray(document[list]))
  if (empty !== undefined) return usage(`${empty} is no list`, EXAMPLE)
  if (named.every((list) => (document[list] as ReadonlyArray<unknown>).length === 0))
    return usage("the release file has no changes", EXAMPLE)
  if (own !== undefined && typeof own !== "string") return usage("environment must be a text", EXAMPLE)
  const made: Partial<Record<List, Array<Fields>>> = {}
  for (const list of named) {
    const all: Array<Fields> = (made[list] = [])
    for (const [at, given] of (document[list] as ReadonlyArray<unknown>).entries()) {
      const one = change(list, given, at, own ?? environment)
      if (one instanceof Error) return one as CliFailure
      all.push(one)
    }
  }
  return { ...(message === undefined ? {} : { message }), changes: [], ...made }
}
