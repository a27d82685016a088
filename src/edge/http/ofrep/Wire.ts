/**
 * Flags as OFREP 0.3 has them: https://github.com/open-feature/protocol. Pure.
 *
 *   OF1 in src/evaluation/Ofrep.ts
 *   OF2  The entity tag of all flags is of what is answered, so it covers the context, the selector and every flag; flags stand in one order.
 *   OF6  All flags cost as many requests as they are, by `PER_TOKEN`: who asks for 20,000 of them leaves room for others. R4
 *   OF5  All that follows `flags/` in the path is the flag's name, percent-encoded or not.
 *   OF3  The address of the stream of changes is part of what is answered, so that who has an old one gets the new one; it has a ticket of its own
 *        and never the caller's token.
 *   OF4  An event's id and `etag` are the position that its reader should have; who says it again is given nothing older.
 */
import { Schema } from "effect"
import { isMembers } from "../../../evaluation/Json.ts"
import type { Context, ErrorCode, Resolution } from "../../../evaluation/Resolution.ts"
import type { Refetch } from "../../../flags/Refetches.ts"
import type { Position } from "../../../propagation/Position.ts"

/** What a request may have; members that nobody knows are left alone. */
export const Body = Schema.Struct({
  context: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))
}).annotate({ identifier: "OfrepBody", examples: [{ context: { targetingKey: "ann" } }] })

/** The context of a body; undefined: it is no object. */
export const contextIn = ({ context = {} }: Readonly<Record<string, unknown>>): Context | undefined =>
  isMembers(context) ? context : undefined

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

const EventStream = Schema.Struct({ type: Schema.String, endpoint: Schema.Struct({ requestUri: Schema.String }) })

export const Evaluations = Schema.Struct({
  flags: Schema.Array(Evaluation),
  eventStreams: Schema.optionalKey(Schema.Array(EventStream))
}).annotate({ identifier: "OfrepEvaluations" })

/** Flags that cost as much as one request. */
export const PER_TOKEN = 50

export const SINGLE = "/ofrep/v1/evaluate/flags/"

/** Providers write a flag's name into the path as it is: a slash, `?` and `%` of it are its own. OF5 */
export const asRouted = (url: string): string =>
  url.startsWith(SINGLE)
    ? SINGLE +
      url
        .slice(SINGLE.length)
        .replace(/[/?;#]/g, encodeURIComponent)
        .replace(/%(?![0-9a-f]{2})/gi, "%25")
    : url

export const EVENTS = "/ofrep/v1/events"

/** Where changes are told: without an origin, as a proxy's clients know it. `ticket`: undefined for who needs none. TI2, OF3 */
export const eventStreams = (environment: string, ticket: string | undefined): string => {
  const requestUri = `${EVENTS}?environment=${encodeURIComponent(environment)}${ticket === undefined ? "" : `&ticket=${ticket}`}`
  return JSON.stringify([{ type: "sse", endpoint: { requestUri } }])
}

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

const idOf = ({ epoch, revision }: Position): string => `${epoch}.${revision}`

const ID = /^"?([0-9a-zA-Z-]{1,64})\.(\d{1,19})"?$/

/** Undefined: it is none of ours. OF4 */
export const positionOf = (id: string | undefined): Position | undefined => {
  const [, epoch, revision] = ID.exec(id ?? "") ?? []
  return epoch === undefined || revision === undefined ? undefined : { epoch, revision: BigInt(revision) }
}

/** The beginning of a stream. `retry`: milliseconds after which to come again when it ends. */
export const begun = (retry: number): string => `retry: ${retry}\n\n`

/** It has no name, as providers listen to none. OF4 */
export const eventOf = (told: Refetch): string => {
  if (told._tag === "Alive") return ": alive\n\n"
  const id = idOf(told.at)
  if (told._tag === "Open") return `id: ${id}\n\n`
  return `id: ${id}\ndata: ${JSON.stringify({ type: "refetchEvaluation", etag: id })}\n\n`
}
