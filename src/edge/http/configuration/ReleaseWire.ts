/** Releases of many changes, and what became of them, as JSON. */
import { Schema } from "effect"
import type { Committed } from "../../../commits/Release.ts"
import { limits } from "../../../configuration/Configuration.ts"
import { configurationsIn } from "../../../configuration/ConfigurationKind.ts"
import { type FeatureFlag, flagKind } from "../../../flags/FeatureFlag.ts"
import { ValueType } from "../../../values/ValueType.ts"
import { Environment, FlagName, Key, Message, Whole } from "../Wire.ts"
import { Changed, changed, commit, commitFields, Version } from "./Wire.ts"

/** One change: `value` null deletes the key. */
export const ReleaseChange = Schema.Struct({
  key: Key,
  environment: Environment,
  value: Schema.Unknown,
  type: Schema.optionalKey(ValueType),
  schema: Schema.optionalKey(Schema.Unknown),
  strict: Schema.optionalKey(Schema.Boolean),
  expectedVersion: Schema.optionalKey(Version)
}).annotate({ identifier: "ReleaseChange" })
export type ReleaseChange = typeof ReleaseChange.Type

/** A flag in a release: `value` is its definition, null archives it. */
export const ReleaseFlag = Schema.Struct({
  flag: FlagName,
  environment: Environment,
  value: Schema.Unknown,
  expectedVersion: Schema.optionalKey(Version)
}).annotate({ identifier: "ReleaseFlag" })
export type ReleaseFlag = typeof ReleaseFlag.Type

/** `flags`: changes of flags in the same revision; with them `changes` may be empty. */
export const ReleaseBody = Schema.Struct({
  message: Schema.optionalKey(Message),
  flags: Schema.optionalKey(
    Schema.Array(ReleaseFlag).check(
      Schema.makeFilter<ReadonlyArray<unknown>>(() => undefined, {
        toJsonSchema: () => ({ maxItems: limits.changes })
      })
    )
  ),
  changes: Schema.Array(ReleaseChange).check(
    Schema.makeFilter<ReadonlyArray<unknown>>(() => undefined, {
      toJsonSchema: () => ({ maxItems: limits.changes })
    })
  )
}).annotate({
  identifier: "ReleaseBody",
  examples: [
    {
      message: "why they were changed",
      changes: [
        { key: "user-service", environment: "production", value: { feature: { x: true } } },
        { key: "user-service.limits", environment: "production", value: 10 }
      ]
    }
  ]
})

/** What a commit did to one flag. */
export const ChangedFlag = Schema.Struct({
  flag: Schema.String,
  environment: Schema.String,
  version: Whole,
  digest: Schema.String,
  deleted: Schema.Boolean
}).annotate({ identifier: "ChangedFlag" })

export const Released = Schema.Struct({
  ...commitFields,
  message: Schema.String,
  changes: Schema.Array(Changed),
  /** Where the release had flags. */
  flags: Schema.optionalKey(Schema.Array(ChangedFlag))
}).annotate({ identifier: "Released" })
export type Released = typeof Released.Type

const changedFlag = ({ key, environment, version, digest, deleted }: FeatureFlag) => ({
  flag: key,
  environment,
  version,
  digest,
  deleted
})

export const released = (committed: Committed): Released => {
  const { changes, message } = committed.revision
  const flags = changes.filter((change): change is FeatureFlag => change.kind === flagKind.name)
  return {
    ...commit(committed),
    message,
    changes: configurationsIn(committed.revision).map(changed),
    ...(flags.length === 0 ? {} : { flags: flags.map(changedFlag) })
  }
}
