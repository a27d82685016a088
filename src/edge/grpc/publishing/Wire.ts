/** Translates between herald.publishing.v1 and the model. Pure. */
import { BinaryWriter } from "@bufbuild/protobuf/wire"
import {
  Problem,
  type PublishRequest,
  type PublishResponse
} from "../../../../proto/generated/herald/publishing/v1/publishing.ts"
import type { Committed } from "../../../commits/Release.ts"
import type { Configuration } from "../../../configuration/Configuration.ts"
import type { Draft } from "../../../configuration/Draft.ts"
import { failure, type HeraldError } from "../../../errors/HeraldError.ts"
import { DEFAULT_ENVIRONMENT } from "../../../keys/Environment.ts"
import type { Target } from "../../../keys/Target.ts"
import { excerpt } from "../../../text/Excerpt.ts"
import { fitted } from "../../../text/Fitted.ts"
import { ValueType } from "../../../values/ValueType.ts"

const invalid = (message: string) => failure("InvalidInput", message)

export const targetOf = ({ key, environment }: PublishRequest): Target => ({
  key,
  environment: environment === "" ? DEFAULT_ENVIRONMENT : environment
})

/** Bytes of an item that are kept until it is answered, as good as: two for each UTF-16 unit. */
export const bytesOf = ({ value, schema, message, key }: PublishRequest): number =>
  2 * (value.length + (schema?.length ?? 0) + message.length + key.length)

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

/** UTF-16 units of a problem's text, and of its details. */
const DETAIL = 1_024
const DETAILS = 2_048

const plain = (_: string, value: unknown) => (typeof value === "bigint" ? Number(value) : value)

/** Details that are too long for a trailer are left out. */
export const problemOf = (error: HeraldError): Problem => {
  const { code, grpc, fix } = error.row
  const details = error.details === undefined ? "" : JSON.stringify(error.details, plain)
  return {
    code,
    status: grpc,
    detail: fitted(error.message, DETAIL),
    fix,
    detailsJson: details.length > DETAILS ? "" : details,
    retryAfterMs: Number(error.details?.["retryAfterMillis"] ?? 0)
  }
}

/** A `google.rpc.Status` with a Problem in its details: https://grpc.io/docs/guides/error/#richer-error-model */
export const richStatus = (problem: Problem): Buffer => {
  const any = new BinaryWriter()
    .uint32(0x0a)
    .string("type.googleapis.com/herald.publishing.v1.Problem")
    .uint32(0x12)
    .bytes(Problem.encode(problem).finish())
    .finish()
  const status = new BinaryWriter().uint32(0x08).int32(problem.status).uint32(0x12).string(problem.detail)
  return Buffer.from(status.uint32(0x1a).bytes(any).finish())
}
