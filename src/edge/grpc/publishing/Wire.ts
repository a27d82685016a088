/** Translates between herald.publishing.v1 and the model. Pure. */
import type { PublishRequest, PublishResponse } from "../../../../proto/generated/herald/publishing/v1/publishing.ts"
import type { Committed } from "../../../commits/Release.ts"
import type { Configuration } from "../../../configuration/Configuration.ts"
import type { Draft } from "../../../configuration/Draft.ts"
import { failure, type HeraldError } from "../../../errors/HeraldError.ts"
import { DEFAULT_ENVIRONMENT } from "../../../keys/Environment.ts"
import type { Target } from "../../../keys/Target.ts"
import { excerpt } from "../../../text/Excerpt.ts"
import { ValueType } from "../../../values/ValueType.ts"

const invalid = (message: string) => failure("InvalidInput", message)

export const targetOf = ({ key, environment }: PublishRequest): Target => ({
  key,
  environment: environment === "" ? DEFAULT_ENVIRONMENT : environment
})

/** Bytes of an item that are kept until it is answered, as good as: two for each UTF-16 unit of whatever text it has. */
export const bytesOf = ({ value, schema, message, key, environment, type, idempotencyKey }: PublishRequest): number =>
  2 *
  (value.length +
    (schema?.length ?? 0) +
    message.length +
    key.length +
    environment.length +
    type.length +
    idempotencyKey.length)

const types: ReadonlyArray<string> = ValueType.literals
const isType = (type: string): type is ValueType => types.includes(type)

/** `schema`: parsed, or undefined where it stays as it is. */
export const draftOf = (item: PublishRequest, schema: { readonly json: unknown } | undefined): Draft | HeraldError => {
  const { value, type, strict, expectedVersion } = item
  if (type !== "" && !isType(type))
    return invalid(`type must be one of ${types.join(", ")}, or empty; it is ${excerpt(type)}`)
  if (item.delete && (value !== "" || item.schema !== undefined))
    return invalid("delete: what is deleted has no value and no schema")
  return {
    ...targetOf(item),
    value: item.delete ? null : value,
    type: type === "" ? undefined : (type as ValueType),
    ...(schema === undefined ? {} : { schema: schema.json }),
    strict,
    expectedVersion: expectedVersion === undefined ? undefined : Number(expectedVersion)
  }
}

/** What a commit did to the key; an `IdempotencyConflict` when it did not touch it. */
export const publishedOf = (
  { revision, replayed }: Committed<Configuration>,
  { key, environment }: Target
): PublishResponse | HeraldError => {
  const found = revision.changes.find((change) => change.key === key && change.environment === environment)
  if (found === undefined)
    return failure("IdempotencyConflict", "the key was used for a commit that did not touch this configuration")
  return {
    version: BigInt(found.version),
    revision: revision.revision,
    epoch: revision.epoch,
    digest: found.digest,
    type: found.valueType,
    committedAtMs: BigInt(Math.trunc(revision.committedAt)),
    replayed,
    clients: 0
  }
}

/** The answer to an item that was only checked. */
export const validatedOf = (clients: number): PublishResponse => ({
  ...{ version: 0n, revision: 0n, epoch: "", digest: "", type: "" },
  ...{ committedAtMs: 0n, replayed: false, clients }
})
