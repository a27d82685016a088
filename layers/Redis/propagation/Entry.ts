/** A configuration as JSON in Redis: in entries of the shared cache, and in messages of the lane. */
import { Schema } from "effect"
import { Configuration } from "../../../src/configuration/Configuration.ts"

/** JSON has no 64-bit integers: revisions are text. */
export const RevisionText = Schema.BigIntFromString

/** As it is written: `null` is the value of a deleted key, so that nobody takes it for an empty text. */
const Written = Schema.Struct({
  ...Configuration.fields,
  revision: RevisionText,
  value: Schema.NullOr(Schema.String)
})

export const WrittenEntry = Schema.fromJsonString(Schema.Struct({ ...Written.fields, epoch: Schema.String }))
export const WrittenChange = Written

/** Undefined when value and `deleted` contradict each other. */
export const fromWritten = ({ value, deleted, ...rest }: typeof Written.Type): Configuration | undefined =>
  (value === null) === deleted ? { ...rest, deleted, value: value ?? "" } : undefined

/** Named one by one: the model may carry more than the wire does. */
export const toWritten = (found: Configuration) => ({
  revision: String(found.revision),
  key: found.key,
  environment: found.environment,
  version: found.version,
  value: found.deleted ? null : found.value,
  valueType: found.valueType,
  deleted: found.deleted,
  schema: found.schema,
  strict: found.strict,
  template: found.template,
  digest: found.digest,
  createdAt: found.createdAt,
  updatedAt: found.updatedAt,
  updatedBy: found.updatedBy,
  changeLog: found.changeLog
})
