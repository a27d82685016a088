/** Flags, and what became of them, as JSON. */
import { Schema } from "effect"
import type { Committed } from "../../../commits/Release.ts"
import type { Problem } from "../../../flags/Definition.ts"
import type { FeatureFlag } from "../../../flags/FeatureFlag.ts"
import type { FlagWritten } from "../../../flags/FlagDraft.ts"
import type { Told } from "../../../flags/Steps.ts"
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

/** `definition`: JSON, in its own digits and spaces; null for an archived flag. */
export const StoredFlag = Schema.Struct({
  flag: Schema.String,
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
  message: Schema.String
}).annotate({ identifier: "StoredFlag" })
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

export const PublishedFlag = Schema.Struct({
  flag: Schema.String,
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
}).annotate({ identifier: "PublishedFlag" })
export type PublishedFlag = typeof PublishedFlag.Type

/** Nothing was written. */
export const ValidatedFlag = Schema.Struct({ difference: Difference, warnings: Schema.Array(Warning) }).annotate({
  identifier: "ValidatedFlag"
})
export type ValidatedFlag = typeof ValidatedFlag.Type

export const FlagDiff = Schema.Struct({
  flag: Schema.String,
  environment: Schema.String,
  from: Whole,
  to: Whole,
  difference: Difference
})
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

export const stored = (flag: FeatureFlag): Omit<StoredFlag, "definition"> => ({
  flag: flag.key,
  environment: flag.environment,
  version: flag.version,
  revision: Number(flag.revision),
  deleted: flag.deleted,
  digest: flag.digest,
  createdAt: flag.createdAt,
  createdTime: stamp(flag.createdAt),
  updatedAt: flag.updatedAt,
  updatedTime: stamp(flag.updatedAt),
  updatedBy: flag.updatedBy,
  message: flag.message
})

/** The JSON of a flag, its definition as it was written. */
export const storedText = (flag: FeatureFlag): string =>
  `${JSON.stringify(stored(flag)).slice(0, -1)},"definition":${flag.deleted ? "null" : flag.definition}}`

export const published = (
  { committed, warnings }: FlagWritten,
  environment: string,
  flag: string
): PublishedFlag | undefined => {
  const { revision, replayed } = committed as Committed<FeatureFlag>
  const found = revision.changes.find(
    (one) => one.kind === "flag" && one.key === flag && one.environment === environment
  )
  return (
    found && {
      flag,
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
