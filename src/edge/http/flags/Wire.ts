/** Flags, and what became of them, as JSON. */

import { Schema } from "effect"
import { Candidacy } from "../../../commits/Candidacy.ts"
import type { Problem } from "../../../evaluation/Definition.ts"
import type { Told } from "../../../evaluation/Steps.ts"
import type { FlagWritten, KeptKind } from "../../../flags/FlagDraft.ts"
import type { Stored } from "../../../flags/Stored.ts"
import { guardFields } from "../approvals/Guards.ts"
import { Difference, Version } from "../configuration/Wire.ts"
import { Environment, FlagName, Message, Stamp, stamp, Whole } from "../Wire.ts"

export const Target = { flag: FlagName }
export const InEnvironment = { environment: Environment }

/**
 * `value`: the definition, in flagd's form (`state`, `variants`, `defaultVariant`, `targeting`, `metadata`) or the simple one (`enabled`,
 * `percentage`, `targetUsers`), as it stands in the body. `expectedVersion` 0: the flag must not exist.
 */
export const FlagBody = Schema.Struct({
  value: Schema.Unknown,
  message: Schema.optionalKey(Message),
  expectedVersion: Schema.optionalKey(Version)
}).annotate({
  identifier: "FlagBody",
  examples: [{ value: { enabled: true, percentage: 25, targetUsers: ["ann"] }, message: "a quarter of all, and ann" }]
})

export const FlagRollbackBody = Schema.Struct({
  version: Version,
  message: Schema.optionalKey(Message)
}).annotate({ identifier: "FlagRollbackBody", examples: [{ version: 1, message: "it was too slow" }] })

/** `context`: attributes of who is evaluated; `targetingKey` is who they are. */
export const EvaluateBody = Schema.Struct({
  context: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))
}).annotate({ identifier: "EvaluateBody", examples: [{ context: { targetingKey: "ann", country: "de" } }] })

/** `definition`: JSON, in its own digits and spaces; null for what is archived. `rollout`: of a version that a rollout has, or had, as a candidate. */
export const storedFields = {
  environment: Schema.String,
  version: Whole,
  revision: Whole,
  definition: Schema.Unknown,
  deleted: Schema.Boolean,
  digest: Schema.String,
  createdAt: Schema.Finite,
  createdTime: Stamp,
  updatedAt: Schema.Finite,
  updatedTime: Stamp,
  updatedBy: Schema.String,
  message: Schema.String,
  rollout: Schema.optionalKey(Candidacy)
}
export const StoredFlag = Schema.Struct({ flag: Schema.String, ...storedFields }).annotate({
  identifier: "StoredFlag"
})
export type StoredFlag = typeof StoredFlag.Type

/** `next`: give it as `after` for the next page; null at the end. */
export const FlagList = Schema.Struct({ flags: Schema.Array(StoredFlag), next: Schema.NullOr(Schema.String) })
export type FlagList = typeof FlagList.Type

/** `next`: give it as `before` for the next page, which may be due before `limit` is reached; null at the end. */
export const FlagHistory = Schema.Struct({ versions: Schema.Array(StoredFlag), next: Schema.NullOr(Whole) })
export type FlagHistory = typeof FlagHistory.Type

export const FlagdDocument = Schema.Struct({ flags: Schema.Record(Schema.String, Schema.Unknown) }).annotate({
  identifier: "FlagdDocument"
})

/** What of a rule the engines of different languages read differently, with its place as a JSON Pointer. */
export const Warning = Schema.Struct({ at: Schema.String, problem: Schema.String }).annotate({ identifier: "Warning" })

export const publishedFields = {
  environment: Schema.String,
  version: Whole,
  digest: Schema.String,
  deleted: Schema.Boolean,
  revision: Whole,
  epoch: Schema.String,
  committedAt: Schema.Finite,
  committedTime: Stamp,
  /** The same Idempotency-Key had this result before; nothing was written now. */
  replayed: Schema.Boolean,
  warnings: Schema.Array(Warning)
}
export const PublishedFlag = Schema.Struct({ flag: Schema.String, ...publishedFields }).annotate({
  identifier: "PublishedFlag"
})
export type PublishedFlag = typeof PublishedFlag.Type

/** Nothing was written. */
export const validatedFields = { difference: Difference, warnings: Schema.Array(Warning), ...guardFields }
export const ValidatedFlag = Schema.Struct(validatedFields).annotate({ identifier: "ValidatedFlag" })
export type ValidatedFlag = typeof ValidatedFlag.Type

export const diffFields = { environment: Schema.String, from: Whole, to: Whole, difference: Difference }
export const FlagDiff = Schema.Struct({ flag: Schema.String, ...diffFields })
export type FlagDiff = typeof FlagDiff.Type

/** `value` and `variant` null: the caller's own default is served. `steps`: what was asked, what it gave, and why. */
export const Evaluated = Schema.Struct({
  flag: Schema.String,
  environment: Schema.String,
  value: Schema.Unknown,
  variant: Schema.NullOr(Schema.String),
  reason: Schema.Literals(["STATIC", "TARGETING_MATCH", "DEFAULT", "DISABLED", "ERROR"]),
  errorCode: Schema.optionalKey(Schema.String),
  errorDetails: Schema.optionalKey(Schema.String),
  metadata: Schema.Record(Schema.String, Schema.Unknown),
  steps: Schema.Array(
    Schema.Struct({
      at: Schema.String,
      asked: Schema.String,
      gave: Schema.String,
      because: Schema.optionalKey(Schema.String)
    })
  )
}).annotate({ identifier: "Evaluated" })
export type Evaluated = typeof Evaluated.Type

type StoredFields = Omit<StoredFlag, "flag">

export const stored = (of: Stored): Omit<StoredFields, "definition"> => ({
  environment: of.environment,
  version: of.version,
  revision: Number(of.revision),
  deleted: of.deleted,
  digest: of.digest,
  createdAt: of.createdAt,
  createdTime: stamp(of.createdAt),
  updatedAt: of.updatedAt,
  updatedTime: stamp(of.updatedAt),
  updatedBy: of.updatedBy,
  message: of.message,
  ...(of.rollout === undefined ? {} : { rollout: of.rollout })
})

/** The JSON of a flag, or of what flags share, its definition as it was written. */
export const storedText = (of: Stored): string =>
  `${JSON.stringify({ [of.kind]: of.key, ...stored(of) }).slice(0, -1)},"definition":${of.deleted ? "null" : of.definition}}`

/** Without its name. Undefined: nothing of that name is in the commit. */
export const published = (
  { committed, warnings }: FlagWritten,
  kind: KeptKind,
  environment: string,
  key: string
): Omit<PublishedFlag, "flag"> | undefined => {
  const { revision, replayed } = committed
  const found = revision.changes.find((one) => one.kind === kind && one.key === key && one.environment === environment)
  return (
    found && {
      environment,
      version: found.version,
      digest: found.digest,
      deleted: found.deleted,
      revision: Number(revision.revision),
      epoch: revision.epoch,
      committedAt: revision.committedAt,
      committedTime: stamp(revision.committedAt),
      replayed,
      warnings: warnings.map(warning)
    }
  )
}

export const warning = ({ at, problem }: Problem) => ({ at, problem })

export const evaluated = ({ resolution, steps }: Told, environment: string, flag: string): Evaluated => ({
  flag,
  environment,
  value: resolution.value ?? null,
  variant: resolution.variant ?? null,
  reason: resolution.reason,
  ...(resolution.errorCode === undefined ? {} : { errorCode: resolution.errorCode }),
  ...(resolution.errorDetails === undefined ? {} : { errorDetails: resolution.errorDetails }),
  metadata: resolution.metadata,
  steps
})
