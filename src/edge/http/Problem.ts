/**
 * Answers failures with problem documents (RFC 9457).
 *
 *   O1  Whatever goes wrong, the answer is a problem with a code; a defect tells nothing of itself but its trace id.
 *   O3  Who misspells a field or a parameter is told which names there are that are close to it.
 *   O2  No input brings a 5xx. One that comes from the server's own side is in the log with its cause and the trace that the answer names.
 */
import { Cause, Effect, Option, type Schema, type SchemaIssue } from "effect"
import { HttpServerError, type HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiError } from "effect/http-api"
import { Requested } from "../../commits/Requesting.ts"
import { catalogue } from "../../errors/Catalogue.ts"
import { failure, HeraldError } from "../../errors/HeraldError.ts"
import { toldOf } from "../../limits/Spending.ts"
import { nearby } from "../../text/Nearest.ts"
import type * as Wire from "./Wire.ts"

const contentType = "application/problem+json"

const headersOf = (error: HeraldError): Record<string, string> => {
  const wait = error.details?.["retryAfterMillis"]
  return {
    "cache-control": "no-store",
    ...(error.row.http === 401 ? { "www-authenticate": 'Bearer realm="herald"' } : {}),
    ...(error.name === "MethodNotAllowed" ? { allow: String(error.details?.["allow"]) } : {}),
    ...(error.name === "UnsupportedMediaType" ? { "accept-encoding": "identity" } : {}), // RFC 9110 §12.5.3
    ...(typeof wait === "number" ? { "retry-after": String(Math.max(1, Math.ceil(wait / 1_000))) } : {}),
    ...toldOf(error.details)
  }
}

export const problemOf = (error: HeraldError, traceId?: string): Wire.Problem => {
  const { code, title, cause, fix, http } = error.row
  return {
    type: `/v1/errors/${code}`,
    title,
    status: http,
    detail: error.message,
    code,
    cause,
    fix,
    ...(error.details === undefined ? {} : { details: error.details }),
    ...(traceId === undefined ? {} : { traceId })
  }
}

/** O2 */
const logged = ({ code, row, message, cause }: HeraldError, traceId: string | undefined): Effect.Effect<void> => {
  if (row.http < 500) return Effect.void
  const log = row.http === 500 ? Effect.logError : Effect.logWarning
  return log(`a request failed: ${message}`, {
    code,
    traceId,
    ...(cause === undefined ? {} : { cause: causeOf(cause) })
  })
}

/** What the innermost cause says. */
const causeOf = (cause: unknown): string => {
  let text = String(cause)
  for (let at: unknown = cause; typeof at === "object" && at !== null; at = (at as { cause?: unknown }).cause) {
    const { message } = at as { message?: unknown }
    if (typeof message === "string" && message !== "") text = message
  }
  return text.slice(0, 1_000)
}

/** What waits for a second person is an answer to whoever asked that it does. */
const waits = ({ details }: Requested) =>
  HttpServerResponse.text(JSON.stringify(details), {
    status: 202,
    contentType: "application/json",
    headers: { "cache-control": "no-store", location: `/v1/changes/${details?.["change"]}` }
  })

export const problemResponse = (error: HeraldError): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  error instanceof Requested
    ? Effect.succeed(waits(error))
    : Effect.flatMap(Effect.option(Effect.currentParentSpan), (span) => {
        const traceId = Option.isSome(span) ? span.value.traceId : undefined
        const body = JSON.stringify(problemOf(error, traceId), (_, value) =>
          typeof value === "bigint" ? Number(value) : value
        )
        const answer = HttpServerResponse.text(body, { status: error.row.http, contentType, headers: headersOf(error) })
        return Effect.as(logged(error, traceId), answer)
      })

const places = { Params: "path", Headers: "header", Query: "query", Payload: "body" } as const

/** A name that its place doesn't have, and the names that it has. */
interface Unknown {
  readonly name: string
  readonly names: ReadonlyArray<string>
}

const unknownIn = (issue: SchemaIssue.Issue, at: PropertyKey = ""): Unknown | undefined => {
  switch (issue._tag) {
    case "Pointer":
      return unknownIn(issue.issue, issue.path.at(-1) ?? at)
    case "Filter":
    case "Encoding":
      return unknownIn(issue.issue, at)
    case "Composite":
    case "AnyOf":
      return issue.issues.reduce<Unknown | undefined>((found, one) => found ?? unknownIn(one, at), undefined)
    case "UnexpectedKey":
      return issue.ast._tag === "Objects"
        ? { name: String(at), names: issue.ast.propertySignatures.map(({ name }) => String(name)) }
        : undefined
    default:
      return undefined
  }
}

/** O3 */
const instead = (error: Schema.SchemaError): string => {
  const unknown = unknownIn(error.issue)
  const meant = unknown === undefined ? [] : nearby(unknown.name, unknown.names)
  return meant.length === 0 ? "" : `; did you mean ${meant.join(" or ")}?`
}

/** An `InvalidInput` such as "query environment: Missing key", from what the schema library says. */
export const schemaFailure = (place: string, error: Schema.SchemaError): HeraldError => {
  const lines = error.message.split("\n").map((line) => line.trim())
  const at = lines.findLast((line) => line.startsWith("at ["))
  const path =
    at === undefined ? "" : ` ${at.slice(3).replaceAll(/\["|"\]|\[|\]/g, (b) => (b === '["' || b === "[" ? "." : ""))}`
  const said = lines
    .filter((line) => !line.startsWith("at ["))
    .join(" ")
    .replace("Missing key", "it is missing")
    .replace("Expected no excess property", "there is no such field here")
  return failure("InvalidInput", `${place}${path.replace(" .", " ")}: ${said}`.slice(0, 1_000) + instead(error))
}

const fromFramework = (error: unknown): HeraldError | undefined => {
  if (error instanceof HeraldError) return error
  if (HttpApiError.HttpApiSchemaError.is(error)) {
    const place = places[error.kind as keyof typeof places]
    return place === undefined ? undefined : schemaFailure(place, error.cause)
  }
  if (HttpServerError.isHttpServerError(error)) {
    const { reason } = error
    if (reason._tag === "RequestParseError") {
      return reason.reason === "BodyTooLarge"
        ? failure("TooLarge", "the body is larger than this route takes")
        : failure("InvalidInput", "the request can't be read to its end")
    }
  }
  return undefined
}

/** Answers whatever goes wrong on a route. O1 */
export const answerFailures = <E, R>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R> =>
  Effect.catchCause(app, (cause) => {
    if (Cause.hasInterruptsOnly(cause)) return Effect.failCause(cause)
    for (const reason of cause.reasons) {
      const raised = reason._tag === "Fail" ? reason.error : reason._tag === "Die" ? reason.defect : undefined
      const known = fromFramework(raised)
      if (known !== undefined) return problemResponse(known)
    }
    return Effect.andThen(
      Effect.logError("a request met a defect", cause),
      problemResponse(failure("Internal", catalogue.Internal.cause))
    )
  })

/** Answers an expected failure with its problem. */
export const answer = <R>(
  effect: Effect.Effect<HttpServerResponse.HttpServerResponse, HeraldError, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R> => Effect.catch(effect, problemResponse)

export type Request = HttpServerRequest.HttpServerRequest
