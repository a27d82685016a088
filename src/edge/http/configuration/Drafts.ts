/** Bodies of publishes and releases → drafts. */
import type { Draft } from "../../../configuration/Draft.ts"
import type { Written } from "../../../values/Written.ts"
import type * as Wire from "./Wire.ts"

/** `value`: what the reader of the body made of it. */
export const draftOf = (change: Omit<Wire.ReleaseChange, "value"> & { readonly value: unknown }): Draft => {
  const value = change.value as Written | null
  return {
    key: change.key,
    environment: change.environment,
    value: value === null ? null : value.text,
    type: change.type,
    typeIfNew: value?.type,
    found: value === null ? undefined : { type: value.type, problem: value.problem },
    ...("schema" in change ? { schema: change.schema } : {}),
    strict: change.strict,
    expectedVersion: change.expectedVersion
  }
}
