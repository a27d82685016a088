/** Bodies of publishes and releases → drafts. */
import type { ValueType } from "../../configuration/Configuration.ts"
import type { Draft } from "../../configuration/Draft.ts"
import type * as Wire from "./Wire.ts"

/** A string is the text itself; other JSON is written compactly. */
export const textOf = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value))

/** For a new key that comes without a type. */
const typeFor = (value: unknown): ValueType => {
  switch (typeof value) {
    case "string":
      return "string"
    case "number":
      return "number"
    case "boolean":
      return "boolean"
    default:
      return "json"
  }
}

export const draftOf = (change: Omit<Wire.ReleaseChange, "value"> & { readonly value: unknown }): Draft => ({
  key: change.key,
  environment: change.environment,
  value: change.value === null ? null : textOf(change.value),
  type: change.type,
  typeIfNew: typeFor(change.value),
  ...("schema" in change ? { schema: change.schema } : {}),
  strict: change.strict,
  expectedVersion: change.expectedVersion
})
