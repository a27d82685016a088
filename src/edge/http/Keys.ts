/** The groups `keys` and `errors`. */
import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Access, requirePermission } from "../../access/Access.ts"
import { byCode } from "../../errors/Catalogue.ts"
import { failure } from "../../errors/HeraldError.ts"
import * as Answers from "./Answers.ts"
import { Api } from "./Api.ts"
import { bodyLimits, makeBodyReader } from "./Body.ts"
import { answer } from "./Problem.ts"
import * as Wire from "./Wire.ts"

/** Milliseconds that a rotated key works on. */
const GRACE = 86_400_000

export const KeysRoutes = HttpApiBuilder.group(
  Api,
  "keys",
  Effect.fnUntraced(function* (handlers) {
    const access = yield* Access
    const bodyReader = yield* makeBodyReader
    const readWish = bodyReader(Wire.ApiKeyBody, bodyLimits.small)
    const readGrace = bodyReader(Wire.RotateBody, bodyLimits.small)
    return handlers
      .handleRaw("create", ({ request }) =>
        answer(
          requirePermission("keys.manage", undefined).pipe(
            Effect.andThen(readWish(request)), // B5
            Effect.flatMap(({ expiresAt = null, ...wish }) => access.createKey({ ...wish, expiresAt })),
            Effect.map(({ token, key }) => Answers.json({ token, key: Answers.apiKey(key) }, { status: 201 }))
          )
        )
      )
      .handleRaw("rotate", ({ request, params }) =>
        answer(
          requirePermission("keys.manage", undefined).pipe(
            Effect.andThen(readGrace(request)), // B5
            Effect.flatMap(({ graceMillis = GRACE }) => access.rotateKey(params.id, graceMillis)),
            Effect.map(({ token, key }) => Answers.json({ token, key: Answers.apiKey(key) }, { status: 201 }))
          )
        )
      )
      .handle("list", () =>
        answer(Effect.map(access.listKeys, (keys) => Answers.json({ keys: keys.map(Answers.apiKey) })))
      )
      .handle("revoke", ({ params }) =>
        answer(Effect.as(access.revokeKey(params.id), HttpServerResponse.empty({ status: 204 })))
      )
  })
)

export const ErrorsRoutes = HttpApiBuilder.group(Api, "errors", (handlers) =>
  handlers.handle("explain", ({ params }) => {
    const row = byCode(params.code)
    return answer(
      row === undefined
        ? Effect.fail(failure("NotFound", "there is no such error code; they look like HRLD-1001"))
        : Effect.succeed(Answers.json(row, { headers: { "cache-control": "public, max-age=3600" } }))
    )
  })
)
