/** Writes configurations, releases and what became of them as JSON. */

import { Schema } from "effect"
import { Candidacy } from "../../../commits/Candidacy.ts"
import type { Committed } from "../../../commits/Release.ts"
import type * as Model from "../../../configuration/Configuration.ts"
import { limits } from "../../../configuration/Configuration.ts"
import { configurationsIn } from "../../../configuration/ConfigurationKind.ts"
import { ValueType } from "../../../values/ValueType.ts"
import { guardFields } from "../approvals/Guards.ts"
import { Environment, Key, Labels, Message, Stamp, stamp, Whole } from "../Wire.ts"

/** A version of a key; the database counts them in 32 bits. */
export const Version = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: limits.version }))

export const Target = { key: Key }
export const InEnvironment = { environment: Environment }

/** `name=value` */
export const LabelOf = Schema.String.check(
  Schema.makeFilter<string>(() => undefined, { toJsonSchema: () => ({ pattern: "^[^=]+=", maxLength: 1_153 }) })
).annotate({ examples: ["region=eu"] })

/** How values are shown (VJ1): nothing given, JSON where the type is json. */
export const InForm = {
  as: Schema.optionalKey(
    Schema.Literals(["text", "json"]).annotate({
      description:
        "`text`: every value as its exact text. `json`: numbers, true and false as JSON too. Left out: values of type json as JSON, others as text."
    })
  )
}
export type As = typeof InForm.as.Type | undefined

/** `value`: JSON where the type is json, in its own digits and spaces; otherwise, and with `as=text`, the text exactly as published.
 * `rollout`: of a version in history that a rollout has, or had, as a candidate. */
export const Configuration = Schema.Struct({
  key: Schema.String,
  environment: Schema.String,
  version: Whole,
  revision: Whole,
  value: Schema.Unknown,
  type: ValueType,
  deleted: Schema.Boolean,
  schema: Schema.Unknown,
  strict: Schema.Boolean,
  template: Schema.Boolean,
  digest: Schema.String,
  createdAt: Schema.Finite,
  createdTime: Stamp,
  updatedAt: Schema.Finite,
  updatedTime: Stamp,
  updatedBy: Schema.String,
  message: Schema.String,
  rollout: Schema.optionalKey(Candidacy)
}).annotate({ identifier: "Configuration" })
export type Configuration = typeof Configuration.Type
/** Of an answer that was asked for with `as=text`. */
export type InText = { readonly value: string }

/** A configuration as it was read. `stale`: the database did not confirm that it is the newest. */
export const Reading = Schema.Struct({ ...Configuration.fields, stale: Schema.Boolean }).annotate({
  identifier: "Reading"
})
export type Reading = typeof Reading.Type

export const Head = Schema.Struct({
  key: Schema.String,
  environment: Schema.String,
  version: Whole,
  revision: Whole,
  digest: Schema.String,
  strict: Schema.Boolean,
  template: Schema.Boolean
}).annotate({ identifier: "Head" })
export type Head = typeof Head.Type

/** `next`: give it as `after` for the next page; null at the end. */
export const Heads = Schema.Struct({ keys: Schema.Array(Head), next: Schema.NullOr(Schema.String) })
export type Heads = typeof Heads.Type

/**
 * Of many at once. `value`: the text exactly as published. `schemaDigest`: SHA-256 of the schema as JSON with sorted keys and no spaces; null: it has none.
 * With `shape=true` neither value nor schema.
 */
export const Valued = Schema.Struct({
  ...Head.fields,
  type: ValueType,
  schemaDigest: Schema.NullOr(Schema.String),
  schema: Schema.optionalKey(Schema.Unknown),
  value: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "Valued" })
export type Valued = typeof Valued.Type

/** `next`: give it as `after` for the next page, which may be due before `limit` is reached; null at the end. */
export const Values = Schema.Struct({ values: Schema.Array(Valued), next: Schema.NullOr(Schema.String) })
export type Values = typeof Values.Type

export const Environments = Schema.Struct({
  environments: Schema.Array(Schema.Struct({ environment: Schema.String, keys: Whole }))
})
export type Environments = typeof Environments.Type

/** `next`: give it as `before` for the next page, which may be due before `limit` is reached; null at the end. */
export const History = Schema.Struct({
  versions: Schema.Array(Configuration),
  next: Schema.NullOr(Whole)
})
export type History = typeof History.Type

/**
 * `value`: a string is the text of the value, whatever the type; any other JSON is taken as it stands in the body, byte for byte.
 * `type`: kept from the current version when left out; for a new key it follows from `value`.
 * `schema`: a JSON Schema (2020-12); null removes it; left out, it stays. `expectedVersion` 0: the key must not exist.
 */
export const PublishBody = Schema.Struct({
  value: Schema.Unknown,
  type: Schema.optionalKey(ValueType),
  schema: Schema.optionalKey(Schema.Unknown),
  strict: Schema.optionalKey(Schema.Boolean),
  message: Schema.optionalKey(Message),
  expectedVersion: Schema.optionalKey(Version)
}).annotate({
  identifier: "PublishBody",
  examples: [{ value: { feature: { x: true } }, type: "json", message: "why it was changed" }]
})
export type PublishBody = typeof PublishBody.Type

export const RollbackBody = Schema.Struct({
  version: Version,
  message: Schema.optionalKey(Message)
}).annotate({ identifier: "RollbackBody", examples: [{ version: 1, message: "it was too slow" }] })

/** What a commit did to one key. */
export const Changed = Schema.Struct({
  key: Schema.String,
  environment: Schema.String,
  version: Whole,
  type: ValueType,
  digest: Schema.String,
  deleted: Schema.Boolean
}).annotate({ identifier: "Changed" })

export const commitFields = {
  revision: Whole,
  epoch: Schema.String,
  committedAt: Schema.Finite,
  committedTime: Stamp,
  /** The same Idempotency-Key had this result before; nothing was written now. */
  replayed: Schema.Boolean
}
/** One key published, deleted or rolled back. */
export const Published = Schema.Struct({ ...Changed.fields, ...commitFields }).annotate({ identifier: "Published" })
export type Published = typeof Published.Type
/** none, a JSON Patch (RFC 6902), or a unified text difference. */
export const Difference = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("none") }),
  Schema.Struct({
    kind: Schema.Literal("json"),
    patch: Schema.Array(
      Schema.Struct({ op: Schema.String, path: Schema.String, value: Schema.optionalKey(Schema.Unknown) })
    )
  }),
  Schema.Struct({ kind: Schema.Literal("lines"), unified: Schema.String })
]).annotate({ identifier: "Difference" })

export const DiffResult = Schema.Struct({
  key: Schema.String,
  environment: Schema.String,
  from: Whole,
  to: Whole,
  difference: Difference
})
export type DiffResult = typeof DiffResult.Type

const wouldBe = {
  environment: Schema.String,
  difference: Difference,
  warnings: Schema.Array(Schema.Struct({ at: Schema.String, problem: Schema.String }))
}

/** What would change, and for how many connected clients. Nothing was written. */
export const Validated = Schema.Struct({
  changes: Schema.Array(
    Schema.Struct({ key: Schema.String, environment: Schema.String, difference: Difference, clients: Whole })
  ),
  /** Where the release has flags. */
  flags: Schema.optionalKey(Schema.Array(Schema.Struct({ flag: Schema.String, ...wouldBe }))),
  segments: Schema.optionalKey(Schema.Array(Schema.Struct({ segment: Schema.String, ...wouldBe }))),
  ...guardFields
}).annotate({ identifier: "Validated" })
export type Validated = typeof Validated.Type

export const Explanation = Schema.Struct({
  stored: Configuration,
  /** What is stored is a rollout's, which this client is in since its stage, counted from 1; left out: it is current. */
  candidate: Schema.optionalKey(Schema.Struct({ rollout: Schema.String, stage: Schema.Int })),
  variables: Labels,
  used: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      value: Schema.String,
      source: Schema.Literals(["environment", "client"])
    })
  ),
  missing: Schema.Array(Schema.String),
  secrets: Schema.Array(Schema.String),
  /** null: something is missing. */
  effective: Schema.NullOr(Schema.String),
  stale: Schema.Boolean
}).annotate({ identifier: "Explanation" })
export type Explanation = typeof Explanation.Type

export const configuration = (found: Model.Configuration): Configuration & InText => ({
  key: found.key,
  environment: found.environment,
  version: found.version,
  revision: Number(found.revision),
  value: found.value,
  type: found.valueType,
  deleted: found.deleted,
  schema: found.schema,
  strict: found.strict,
  template: found.template,
  digest: found.digest,
  createdAt: found.createdAt,
  createdTime: stamp(found.createdAt),
  updatedAt: found.updatedAt,
  updatedTime: stamp(found.updatedAt),
  updatedBy: found.updatedBy,
  message: found.changeLog,
  ...(found.rollout === undefined ? {} : { rollout: found.rollout })
})

export const head = ({ key, environment, version, revision, digest, strict, template }: Model.Head): Head => ({
  key,
  environment,
  version,
  revision: Number(revision),
  digest,
  strict,
  template
})

/** Without value and schema. */
export const valued = (found: Model.Configuration, schemaDigest: string | null): Valued => ({
  ...head(found),
  type: found.valueType,
  schemaDigest
})

export const changed = ({ key, environment, version, valueType, digest, deleted }: Model.Configuration) => ({
  key,
  environment,
  version,
  type: valueType,
  digest,
  deleted
})

export const commit = ({ revision, replayed }: Committed) => ({
  revision: Number(revision.revision),
  epoch: revision.epoch,
  committedAt: revision.committedAt,
  committedTime: stamp(revision.committedAt),
  replayed
})

/** What a commit did to one key; undefined when it did not touch it. */
export const published = (
  committed: Committed<Model.Configuration>,
  environment: string,
  key: string
): Published | undefined => {
  const found = configurationsIn(committed.revision).find(
    (change) => change.key === key && change.environment === environment
  )
  return found === undefined ? undefined : { ...changed(found), ...commit(committed) }
}
