/**
 * Flags as OFREP 0.3 has them: https://github.com/open-feature/protocol. Pure.
 *
 *   OF1 in Ofrep.ts of the flags
 *   OF2  The entity tag of all flags is of what is answered, so it covers the context, the selector and every flag; flags stand in one order.
 */
import { Schema } from "effect"
import type { ErrorCode, Resolution } from "../../../flags/Resolution.ts"

/** What a request may have; members that nobody knows are left alone. */
export const Body = Schema.Struct({
  context: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))
}).annotate({ identifier: "OfrepBody", examples: [{ context: { targetingKey: "ann" } }] })

export const Evaluation = Schema.Struct({
  key: Schema.String,
  value: Schema.optionalKey(Schema.Unknown),
  variant: Schema.optionalKey(Schema.String),
  reason: Schema.optionalKey(Schema.String),
  metadata: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
  errorCode: Schema.optionalKey(Schema.String),
  errorDetails: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "OfrepEvaluation" })

/** A refusal in the protocol's own form. */
export const refused = (httpApiStatus: number) =>
  Schema.Struct({
    key: Schema.optionalKey(Schema.String),
    errorCode: Schema.String,
    errorDetails: Schema.String,
    metadata: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))
  }).annotate({ identifier: `OfrepRefused${httpApiStatus}`, httpApiStatus })

export const Evaluations = Schema.Struct({ flags: Schema.Array(Evaluation) }).annotate({
  identifier: "OfrepEvaluations"
})

export const statusOf = ({ errorCode }: Resolution): number =>
  errorCode === undefined ? 200 : errorCode === "FLAG_NOT_FOUND" ? 404 : 400

export const refusal = (key: string | undefined, errorCode: ErrorCode, errorDetails: string): string =>
  JSON.stringify({ ...(key === undefined ? {} : { key }), errorCode, errorDetails })

/** Characters of a header of tags that are looked at. */
const LONGEST = 4_096

/** Whether a caller has what is answered: tags in a list, weak or strong, and without quotes as proxies leave them. `*` says nothing on a POST. */
export const isHeld = (header: string | undefined, etag: string): boolean =>
  header !== undefined &&
  header.length <= LONGEST &&
  header.split(",").some(
    (tag) =>
      tag
        .trim()
        .replace(/^W\//, "")
        .replace(/^"(.*?)(?:-gzip|-br)?"$/, "$1") === etag.slice(1, -1)
  )
