/** `/docs`: the browsable page. Its script is part of the page, so it works without internet; it is made on first use. */
import { Effect, Scope } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { HttpApiScalar } from "effect/http-api"
import { Api } from "./Api.ts"

/** The page runs its own inline script and asks nobody but this server. */
const policy =
  "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

export const DocsRoutes = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const scope = yield* Effect.scope
    const page = yield* HttpRouter.toHttpEffect(
      HttpApiScalar.layer(Api, { path: "/docs", scalar: { withDefaultFonts: false } })
    ).pipe(Effect.provideService(Scope.Scope, scope), Effect.cached)
    yield* router.add(
      "GET",
      "/docs",
      Effect.flatten(page).pipe(Effect.map(HttpServerResponse.setHeader("content-security-policy", policy)))
    )
  })
)
