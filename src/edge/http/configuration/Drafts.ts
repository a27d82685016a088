/** Makes bodies of publishes and releases into drafts. */
import type { Draft } from "../../../configuration/Draft.ts"
import type { FlagDraft } from "../../../flags/FlagDraft.ts"
import type { Written } from "../../../values/Written.ts"
import type { ReleaseChange, ReleaseFlag, ReleaseSegment } from "./ReleaseWire.ts"

/** `value`: as the reader of the body gave it, `Written` or null. */
export const draftOf = (change: Omit<ReleaseChange, "value"> & { readonly value: unknown }): Draft => {
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

/** `value`: as the reader of the body gave it, `Written` or null. */
export const flagDraftOf = ({ flag, environment, value, expectedVersion, force }: ReleaseFlag): FlagDraft => ({
  environment,
  key: flag,
  definition: value === null ? null : (value as Written).text,
  expectedVersion,
  ...(force === undefined ? {} : { force })
})

/** As a flag's. */
export const segmentDraftOf = ({ segment, ...change }: ReleaseSegment): FlagDraft => ({
  ...flagDraftOf({ flag: segment, ...change }),
  kind: "segment"
})
