/** A file that describes a rollout, YAML or JSON, as `herald rollout apply --help` shows it. Pure. */
import type { Written } from "../../../values/Written.ts"
import { type CliFailure, usage } from "../../CliFailure.ts"
import { documentOf } from "../configuration/ReleaseFile.ts"
import type { Asked } from "./Asking.ts"

type Fields = Readonly<Record<string, unknown>>
const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const EXAMPLE = "See `herald rollout apply --help` for the shape."
const FIELDS = ["name", "environment", "message", "at", "plan", "changes", "flags"]
const CHANGE = ["value", "version", "expectedVersion"]
const lists = { changes: ["key", ...CHANGE, "type", "schema", "strict"], flags: ["flag", ...CHANGE] } as const

const listOf = (document: Fields, name: keyof typeof lists): ReadonlyArray<Fields> | CliFailure => {
  const list = document[name] ?? []
  if (!Array.isArray(list)) return usage(`${name} is no list`, EXAMPLE)
  const made: Array<Fields> = []
  for (const [at, one] of (list as ReadonlyArray<unknown>).entries()) {
    const where = `${name}[${at}]`
    const [key] = lists[name]
    if (!isFields(one) || typeof one[key] !== "string") return usage(`${where} has no ${key}`, EXAMPLE)
    const wrong = Object.keys(one).find((field) => !(lists[name] as ReadonlyArray<string>).includes(field))
    if (wrong !== undefined)
      return usage(`${where} has an unknown field "${wrong}"`, `Fields: ${lists[name].join(", ")}.`)
    const { value, ...rest } = one
    if ((value === undefined || value === null) === (rest["version"] === undefined))
      return usage(`${where} (${one[key]}) needs a value, or the version of before whose value it is`, EXAMPLE)
    if (value === undefined || value === null) {
      made.push(rest)
      continue
    }
    const { text, type } = value as Written
    // YAML has no type for a text; the server knows what the key has.
    made.push({
      ...(name === "changes" && rest["type"] === undefined && type !== "string" ? { type } : {}),
      ...rest,
      value: text
    })
  }
  return made
}

/** `file`: its path. `environment`: where the file names none. */
export const rolloutFileOf = (
  file: string,
  text: string,
  environment: string
): (Asked & { readonly message: string | undefined }) | CliFailure => {
  const read = documentOf(file, text)
  if (read instanceof Error) return read
  const { document } = read
  if (!isFields(document)) return usage("the file is not a mapping", EXAMPLE)
  const wrong = Object.keys(document).find((field) => !FIELDS.includes(field))
  if (wrong !== undefined) return usage(`the file has an unknown field "${wrong}"`, `Fields: ${FIELDS.join(", ")}.`)
  for (const field of ["name", "environment", "message", "at"])
    if (document[field] !== undefined && typeof document[field] !== "string")
      return usage(`${field} must be a text`, EXAMPLE)
  const { name, at, message, plan } = document as { readonly [field: string]: string | undefined }
  if (name === undefined || name === "")
    return usage("the file has no name, by which it is known when it is applied again", "Write one: name: checkout-2")
  if (plan === undefined) return usage("the file has no plan", EXAMPLE)
  const changes = listOf(document, "changes")
  if (changes instanceof Error) return changes
  const flags = listOf(document, "flags")
  if (flags instanceof Error) return flags
  if (changes.length + flags.length === 0) return usage("the file has no changes", EXAMPLE)
  return {
    environment: (document["environment"] as string | undefined) ?? environment,
    plan,
    file: name,
    at,
    message,
    ...(changes.length === 0 ? {} : { changes }),
    ...(flags.length === 0 ? {} : { flags })
  }
}
