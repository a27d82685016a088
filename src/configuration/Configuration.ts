/**
 * A configuration: an immutable version of a value under a key in an environment. Pure.
 *
 *   C1  Versions of a (key, environment) count from 1 without gaps; a delete is a version too.
 *   C2  `digest` is the SHA-256 (hex) of the UTF-8 of `value`, of the empty string for a tombstone.
 */
import { Schema } from "effect"

export const limits = {
  /** Characters. */
  key: 256,
  environment: 50,
  serviceName: 128,
  instanceId: 128,
  /** Bytes of UTF-8. */
  value: 1_048_576,
  release: 4_194_304,
  schema: 65_536,
  /** Of values, schemas and messages in one page of anything that is listed (PB1). */
  page: 2_097_152,
  message: 2_000,
  /** Versions of a key. */
  version: 2_147_483_647,
  /** Changes in one release. */
  changes: 500,
  /** Patterns of one subscription. */
  patterns: 256,
  /** Labels of one client. */
  labels: 64,
  /** Nesting of JSON. */
  depth: 64
} as const

/** The key that holds an environment's template variables: a flat JSON object. */
export const VARIABLES_KEY = "herald.variables"

export const ValueType = Schema.Literals(["string", "json", "number", "boolean", "yaml"])
export type ValueType = typeof ValueType.Type

const KEY = /^[A-Za-z0-9_](?:[A-Za-z0-9_\-./:]*[A-Za-z0-9_])?$/
export const Key = Schema.String.check(Schema.isMaxLength(limits.key), Schema.isPattern(KEY))
export const Environment = Schema.String.check(
  Schema.isMaxLength(limits.environment),
  Schema.isPattern(/^[A-Za-z0-9_](?:[A-Za-z0-9_\-.]*[A-Za-z0-9_])?$/)
)
export const isKey = Schema.is(Key)
export const isEnvironment = Schema.is(Environment)

/** An exact key, or a key followed by `.*`: every key below it. */
export const isPattern = (pattern: string): boolean =>
  pattern.endsWith(".*") ? isKey(pattern.slice(0, -2)) : isKey(pattern)

export const matches = (pattern: string, key: string): boolean =>
  pattern.endsWith(".*") ? key.startsWith(pattern.slice(0, -1)) : key === pattern

/** `{"$secret": "name"}` is reserved: stored and delivered as a reference. */
export const Configuration = Schema.Struct({
  key: Key,
  environment: Environment,
  version: Schema.Int,
  revision: Schema.BigInt,
  /** Text exactly as published; "" for a tombstone. */
  value: Schema.String,
  valueType: ValueType,
  deleted: Schema.Boolean,
  /** JSON Schema (2020-12) or null. */
  schema: Schema.NullOr(Schema.Unknown),
  /** Refuses stale reads. */
  strict: Schema.Boolean,
  /** `value` holds {{variables}} to be rendered per environment and client. */
  template: Schema.Boolean,
  digest: Schema.String,
  /** Milliseconds since 1970. */
  createdAt: Schema.Finite,
  updatedAt: Schema.Finite,
  updatedBy: Schema.String,
  changeLog: Schema.String
})
export type Configuration = typeof Configuration.Type

/** A head: what is needed to know whether a client lacks something, without the value. */
export type Head = Pick<
  Configuration,
  "key" | "environment" | "version" | "revision" | "digest" | "deleted" | "strict" | "template"
>
