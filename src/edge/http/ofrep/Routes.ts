/** Answers OpenFeature's remote evaluation protocol. */
import { Effect, Schema } from "effect"
import { type HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { CurrentIdentity } from "../../../access/Identity.ts"
import { failure, type HeraldError } from "../../../errors/HeraldError.ts"
import { Flags } from "../../../flags/Flags.ts"
import { evaluation, evaluations } from "../../../flags/Ofrep.ts"
import { environmentOfFlags } from "../../../flags/Selector.ts"
import { callerOf } from "../../../usage/Caller.ts"
import { Digest } from "../../../values/Digest.ts"
import { jsonText } from "../Answer.ts"
import { makeBodyReader } from "../Body.ts"
import { bodyLimits } from "../BodyLimits.ts"
import { contract, type Part } from "../Contract.ts"
import { problemResponse } from "../Problem.ts"
import { OfrepGroup } from "./Api.ts"
import * as Wire from "./Wire.ts"

type Request = HttpServerRequest.HttpServerRequest

/** Members that this version does not know are a newer client's. */
const Lenient = Schema.Record(Schema.String, Schema.Unknown)

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
    const digestOf = yield* Digest
    const read = (yield* makeBodyReader)(Lenient, bodyLimits.small, "nothing", {})

    const wrongContext = (message: string) => failure("InvalidInput", message, { details: { context: true } })

    const contextOf = (request: Request) =>
      Effect.flatMap(
        Effect.mapError(read(request), (error) =>
          error.name === "InvalidInput" ? wrongContext(error.message) : error
        ),
        ({ context = {} }) =>
          typeof context === "object" && context !== null && !Array.isArray(context)
            ? Effect.succeed(context as Readonly<Record<string, unknown>>)
            : Effect.fail(wrongContext("context: it is no object"))
      )

    const environmentOf = (selector: string | undefined) =>
      Effect.flatMap(CurrentIdentity, (identity) =>
        Effect.fromResult(environmentOfFlags(selector, identity?.environments ?? []))
      )

    return handlers
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
      .handleRaw("bulk", ({ request, headers }) =>
        answered(
          undefined,
          Effect.gen(function* () {
            const environment = yield* environmentOf(headers["flagd-selector"])
            const caller = callerOf("ofrep-bulk", request.headers["user-agent"])
            const text = evaluations(yield* flags.resolveAll(environment, yield* contextOf(request), caller))
            const etag = `"${digestOf(`${environment} ${text}`).slice(0, 32)}"` // OF2
            const said = { etag, "cache-control": "private, no-cache" }
            return Wire.isHeld(headers["if-none-match"], etag)
              ? HttpServerResponse.empty({ status: 304, headers: said })
              : jsonText(text, { headers: said })
          })
        )
      )
  })
)

export const ofrep = { groups: [OfrepGroup], routes } as const satisfies Part
