/**
 * A configuration: an immutable version of a value under a key in an environment. Pure.
 *
 *   C1  Versions of a (key, environment) count from 1 without gaps; a delete is a version too, and so is a candidate of a rollout, which may
 *        never have been current.
 *   C2  `digest` is the SHA-256 (hex) of the UTF-8 of `value`, of the empty string for a tombstone.
 */
import { Schema } from "effect"
import { Candidacy } from "../commits/Candidacy.ts"
import { wrongEnvironment } from "../keys/Environment.ts"
import { wrongKey } from "../keys/Key.ts"
import { Fitting } from "../text/Plain.ts"
import { RELEASE_CHANGES } from "../values/Limits.ts"
import { ValueType } from "../values/ValueType.ts"

export const limits = {
  /** Bytes of UTF-8 of all values of a release. */
  release: 4_194_304,
  /** Versions of a key. */
  version: 2_147_483_647,
  /** Changes in one release. */
  changes: RELEASE_CHANGES
} as const

/** `{"$secret": "name"}` in a value is a reference to a secret: stored and delivered as it stands. */
export const Configuration = Schema.Struct({
  /** The kind of change that it is in the log. */
  kind: Schema.Literal("configuration"),
  key: Fitting(wrongKey),
  environment: Fitting(wrongEnvironment),
  version: Schema.Int,
  revision: Schema.BigInt,
  /** Text exactly as published; "" for a tombstone. */
  value: Schema.String,
  valueType: ValueType,
  deleted: Schema.Boolean,
  /** JSON Schema (2020-12) or null. */
  schema: Schema.NullOr(Schema.Unknown),
  /** Reads fail `StaleRead` while the database can't confirm them. */
  strict: Schema.Boolean,
  /** `value` holds {{variables}} to be rendered per environment and client. */
  template: Schema.Boolean,
  digest: Schema.String,
  /** Milliseconds since 1970. */
  createdAt: Schema.Finite,
  updatedAt: Schema.Finite,
  updatedBy: Schema.String,
  changeLog: Schema.String,
  /** Of a version in history: a rollout has, or had, it as a candidate. Left out: none has. */
  rollout: Schema.optionalKey(Candidacy)
})
export type Configuration = typeof Configuration.Type

/** A head: what is needed to know whether a client lacks something, without the value. */
export type Head = Pick<
  Configuration,
  "key" | "environment" | "version" | "revision" | "digest" | "deleted" | "strict" | "template"
>
