/** Releases of many changes, and what became of them, as JSON. */
import { Schema } from "effect"
import type { Committed } from "../../../commits/Release.ts"
import { limits } from "../../../configuration/Configuration.ts"
import { configurationsIn } from "../../../configuration/ConfigurationKind.ts"
import { type FeatureFlag, flagKind } from "../../../flags/FeatureFlag.ts"
import type { FlagValidated, Kept } from "../../../flags/FlagDraft.ts"
import { type Segment, segmentKind } from "../../../flags/Segment.ts"
import { ValueType } from "../../../values/ValueType.ts"
import { Environment, FlagName, Key, Message, Whole } from "../Wire.ts"
import { Changed, changed, commit, commitFields, type Validated, Version } from "./Wire.ts"

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

/** A flag in a release: `value` is its definition, null archives it; with `force` although it is evaluated, and a message that says why. */
export const ReleaseFlag = Schema.Struct({
  flag: FlagName,
  environment: Environment,
  value: Schema.Unknown,
  expectedVersion: Schema.optionalKey(Version),
  force: Schema.optionalKey(Schema.Boolean)
}).annotate({ identifier: "ReleaseFlag" })
export type ReleaseFlag = typeof ReleaseFlag.Type

/** A segment in a release: `value` is its definition, null archives it. */
export const ReleaseSegment = Schema.Struct({
  segment: FlagName,
  environment: Environment,
  value: Schema.Unknown,
  expectedVersion: Schema.optionalKey(Version)
}).annotate({ identifier: "ReleaseSegment" })
export type ReleaseSegment = typeof ReleaseSegment.Type

const atMost = Schema.makeFilter<ReadonlyArray<unknown>>(() => undefined, {
  toJsonSchema: () => ({ maxItems: limits.changes })
})

/** `flags`, `segments`: changes of them in the same revision; with them `changes` may be empty. */
export const ReleaseBody = Schema.Struct({
  message: Schema.optionalKey(Message),
  flags: Schema.optionalKey(Schema.Array(ReleaseFlag).check(atMost)),
  segments: Schema.optionalKey(Schema.Array(ReleaseSegment).check(atMost)),
  changes: Schema.Array(ReleaseChange).check(atMost)
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

const changedFields = {
  environment: Schema.String,
  version: Whole,
  digest: Schema.String,
  deleted: Schema.Boolean
}
/** What a commit did to one flag. */
export const ChangedFlag = Schema.Struct({ flag: Schema.String, ...changedFields }).annotate({
  identifier: "ChangedFlag"
})
export const ChangedSegment = Schema.Struct({ segment: Schema.String, ...changedFields }).annotate({
  identifier: "ChangedSegment"
})

export const Released = Schema.Struct({
  ...commitFields,
  message: Schema.String,
  changes: Schema.Array(Changed),
  /** Where the release had flags. */
  flags: Schema.optionalKey(Schema.Array(ChangedFlag)),
  segments: Schema.optionalKey(Schema.Array(ChangedSegment))
}).annotate({ identifier: "Released" })
export type Released = typeof Released.Type

const fields = ({ environment, version, digest, deleted }: Kept) => ({ environment, version, digest, deleted })

export const released = (committed: Committed): Released => {
  const { changes, message } = committed.revision
  const flags = changes.filter((change): change is FeatureFlag => change.kind === flagKind.name)
  const segments = changes.filter((change): change is Segment => change.kind === segmentKind.name)
  return {
    ...commit(committed),
    message,
    changes: configurationsIn(committed.revision).map(changed),
    ...(flags.length === 0 ? {} : { flags: flags.map((flag) => ({ flag: flag.key, ...fields(flag) })) }),
    ...(segments.length === 0
      ? {}
      : { segments: segments.map((segment) => ({ segment: segment.key, ...fields(segment) })) })
  }
}

/** What would become of the flags and segments of a release. */
export const validated = (all: ReadonlyArray<FlagValidated>): Pick<Validated, "flags" | "segments"> => {
  const flags = all.filter(({ kind }) => kind === "flag")
  const segments = all.filter(({ kind }) => kind === "segment")
  return {
    ...(flags.length === 0 ? {} : { flags: flags.map(({ kind: _, key, ...more }) => ({ flag: key, ...more })) }),
    ...(segments.length === 0
      ? {}
      : { segments: segments.map(({ kind: _, key, ...more }) => ({ segment: key, ...more })) })
  }
}
