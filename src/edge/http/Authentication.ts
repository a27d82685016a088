/** Who asks: the bearer token's identity becomes the request's `CurrentIdentity`. */
import { Effect, Layer } from "effect"
import { HttpServerRequest } from "effect/http"
import { Access } from "../../access/Access.ts"
import { CurrentIdentity } from "../../access/Identity.ts"
import { Authentication } from "./Api.ts"
import { problemResponse } from "./Problem.ts"

export const AuthenticationLive = Layer.effect(
  Authentication,
  Effect.gen(function* () {
    const access = yield* Access
    return Authentication.of({
      // Read from the header itself, to tell no token from one of another scheme.
      token: (app) =>
        Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
          Effect.matchEffect(access.authenticate(request.headers["authorization"]), {
            onFailure: problemResponse,
            onSuccess: (identity) => Effect.provideService(app, CurrentIdentity, identity)
          })
        )
    })
  })
)
