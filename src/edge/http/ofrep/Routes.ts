/** Answers OpenFeature's remote evaluation protocol. */
import { Effect, Random, Schema, Stream } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Access } from "../../../access/Access.ts"
import { CurrentIdentity } from "../../../access/Identity.ts"
import { scopeOf, scopeText } from "../../../access/KeyScope.ts"
import { failure, type HeraldError } from "../../../errors/HeraldError.ts"
import { evaluation, evaluations } from "../../../evaluation/Ofrep.ts"
import { Flags } from "../../../flags/Flags.ts"
import { isAnonymous, OpenFlags } from "../../../flags/OpenFlags.ts"
import { Refetches } from "../../../flags/Refetches.ts"
import { environmentOfFlags } from "../../../flags/Selector.ts"
import { callerOf } from "../../../usage/Caller.ts"
import { Digest } from "../../../values/Digest.ts"
import { jsonText } from "../Answer.ts"
import { makeBodyReader } from "../Body.ts"
import { bodyLimits } from "../BodyLimits.ts"
import { contract, type Part } from "../Contract.ts"
import { answer, problemResponse } from "../Problem.ts"
import { OfrepGroup } from "./Api.ts"
import { quick } from "./Quick.ts"
import * as Wire from "./Wire.ts"

type Request = HttpServerRequest.HttpServerRequest

/** Members that this version does not know are a newer client's. */
const Lenient = Schema.Record(Schema.String, Schema.Unknown)

const events = {
  contentType: "text/event-stream",
  headers: {
    "cache-control": "no-store",
    // Or proxies such as nginx would hold events back.
    "x-accel-buffering": "no"
  }
}

/** What is wrong with the request is said as the protocol says it; all else as everywhere. */
const answered = <R>(
  key: string | undefined,
  answer: Effect.Effect<HttpServerResponse.HttpServerResponse, HeraldError, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R> =>
  Effect.catch(answer, (error) =>
    error.row.http === 400
      ? Effect.succeed(jsonText(Wire.refusal(key, codeOf(error), error.message), { status: 400 }))
      : problemResponse(error)
  )

const codeOf = ({ details }: HeraldError) => (details?.["context"] === true ? "INVALID_CONTEXT" : "GENERAL")

const routes = HttpApiBuilder.group(
  contract.add(OfrepGroup),
  "ofrep",
  Effect.fnUntraced(function* (handlers) {
    const flags = yield* Flags
    const refetches = yield* Refetches
    const access = yield* Access
    const digestOf = yield* Digest
    const read = (yield* makeBodyReader)(Lenient, bodyLimits.small, "nothing", {})

    const wrongContext = (message: string) => failure("InvalidInput", message, { details: { context: true } })

    const contextOf = (request: Request) =>
      Effect.flatMap(
        Effect.mapError(read(request), (error) =>
          error.name === "InvalidInput" ? wrongContext(error.message) : error
        ),
        (body) => {
          const context = Wire.contextIn(body)
          return context === undefined ? Effect.fail(wrongContext("context: it is no object")) : Effect.succeed(context)
        }
      )

    const environmentOf = (selector: string | undefined) =>
      Effect.flatMap(CurrentIdentity, (identity) =>
        Effect.fromResult(environmentOfFlags(selector, identity?.environments ?? []))
      )

    /** OF6 */
    const spend = (environment: string) =>
      Effect.flatMap(CurrentIdentity, (identity) => {
        if (identity === undefined) return Effect.void
        const cost = Math.floor(flags.count(environment, identity) / Wire.PER_TOKEN)
        return cost === 0 ? Effect.void : access.spend(identity, cost)
      })

    const ticketFor = (environment: string) =>
      Effect.flatMap(CurrentIdentity, (identity) =>
        identity === undefined || isAnonymous(identity) ? Effect.undefined : access.ticketFor(identity, environment)
      )

    const follow = Effect.fnUntraced(function* (environment: string, last: string | undefined) {
      const { method } = yield* HttpServerRequest.HttpServerRequest
      if (method === "HEAD")
        return HttpServerResponse.empty({
          status: 200,
          headers: { ...events.headers, "content-type": events.contentType }
        })
      const told = yield* refetches.open(environment, Wire.positionOf(last))
      const retry = Wire.begun(yield* Random.nextIntBetween(1_000, 4_000)) // or all come back at once
      return HttpServerResponse.stream(
        Stream.concat(Stream.succeed(retry), Stream.map(told, Wire.eventOf)).pipe(Stream.encodeText),
        events
      )
    })

    return handlers
      .handle("changes", ({ query: { environment, lastEventId }, headers }) =>
        answer(follow(environment, headers["last-event-id"] ?? lastEventId))
      )
      .handleRaw("single", ({ request, params: { flag }, headers }) =>
        answered(
          flag,
          Effect.gen(function* () {
            const environment = yield* environmentOf(headers["flagd-selector"])
            const resolution = yield* flags.resolve(
              environment,
              flag,
              yield* contextOf(request),
              callerOf("ofrep", request.headers["user-agent"])
            )
            return jsonText(evaluation(flag, resolution), { status: Wire.statusOf(resolution) })
          })
        )
      )
      .handleRaw("bulk", ({ request, query, headers }) =>
        answered(
          undefined,
          Effect.gen(function* () {
            const environment = yield* environmentOf(headers["flagd-selector"])
            const context = yield* contextOf(request)
            const told = Wire.positionOf(query.flagConfigEtag)
            if (told !== undefined) yield* refetches.reached(told) // RG3
            yield* spend(environment)
            const caller = callerOf("ofrep-bulk", request.headers["user-agent"])
            const found = yield* flags.resolveAll(environment, context, caller)
            const text = evaluations(found, Wire.eventStreams(environment, yield* ticketFor(environment)))
            const of = Effect.map(CurrentIdentity, (identity) => scopeText(identity && scopeOf(identity, "flag")))
            const etag = `"${digestOf(`${environment} ${yield* of}${text}`).slice(0, 32)}"` // OF2, FY5
            const said = { etag, "cache-control": "private, no-cache" }
            return Wire.isHeld(headers["if-none-match"], etag)
              ? HttpServerResponse.empty({ status: 304, headers: said })
              : jsonText(text, { headers: said })
          })
        )
      )
  })
)

export const ofrep = {
  groups: [OfrepGroup],
  routes,
  pages: { under: "/ofrep/", origins: Effect.map(OpenFlags, ({ origins }) => origins) },
  asRouted: Wire.asRouted,
  quick
} as const satisfies Part
