/** The group `sign-in`: what `herald login` has to know before it has a token. */
import { Effect, Schema } from "effect"
import { HttpApiBuilder, HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { SignIn } from "../../../access/SignIn.ts"
import { failure } from "../../../errors/HeraldError.ts"
import { json } from "../Answer.ts"
import { about, contract } from "../Contract.ts"
import { answer } from "../Problem.ts"
import { problems } from "../Wire.ts"

/** `client`: of the issuer's public client. `scope`: with spaces between. `audience`: what tokens have to be for. The issuer's own discovery says the rest. */
export const SignInOffer = Schema.Struct({
  issuer: Schema.String,
  client: Schema.String,
  scope: Schema.String,
  audience: Schema.String
}).annotate({ identifier: "SignInOffer" })
export type SignInOffer = typeof SignInOffer.Type

export class SignInGroup extends HttpApiGroup.make("signIn")
  .add(
    HttpApiEndpoint.get("offer", "/v1/access/login", { success: SignInOffer, error: problems }).annotateMerge(
      about("How people sign in", "Without a token: the issuer whose tokens are taken, for `herald login`.")
    )
  )
  .annotateMerge(OpenApi.annotations({ title: "Access" })) {}

export const signInRoutes = HttpApiBuilder.group(
  contract.add(SignInGroup),
  "signIn",
  Effect.fnUntraced(function* (handlers) {
    const offer = yield* SignIn
    return handlers.handle("offer", () =>
      answer(
        offer === undefined
          ? Effect.fail(failure("LoginUnavailable", "this server names no client of an issuer (HERALD_OIDC_CLIENT)"))
          : Effect.succeed(json(offer satisfies SignInOffer, { headers: { "cache-control": "no-store" } }))
      )
    )
  })
)
