/** Finds references to secrets in values: `{"$secret": "name"}` and nothing beside it. Pure. */
import type { Schema } from "effect"
import { isKey } from "../keys/Key.ts"

/** The name of the secret; undefined where the object is no reference. */
export const secretName = (record: Readonly<Record<string, unknown>>): string | undefined => {
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
