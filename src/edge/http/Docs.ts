/**
 * `/docs`: the browsable page. Its script is part of the page, so it works without internet; it is made on first use.
 *
 *   H5  There is one copy of it, however many read it, and however slowly.
 */
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { type HttpApi, type HttpApiGroup, HttpApiScalar } from "effect/http-api"

/** The page runs its own inline script and asks nobody but this server. */
const policy =
  "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

export const docsOf = <Id extends string, Groups extends HttpApiGroup.Constraint>(api: HttpApi.HttpApi<Id, Groups>) =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const scope = yield* Effect.scope
      // A router of its own: the page's layer wants to register itself, and only when it is first asked for.
      const page = yield* Effect.gen(function* () {
        const own = yield* HttpRouter.make
        const layer = HttpApiScalar.layer(api, { path: "/docs", scalar: { withDefaultFonts: false } })
        yield* Layer.buildWithScope(Layer.provide(layer, Layer.succeed(HttpRouter.HttpRouter, own)), scope)
        const made = HttpServerResponse.toWeb(yield* own.asHttpEffect())
        const bytes = new Uint8Array(yield* Effect.promise(() => made.arrayBuffer()))
        return HttpServerResponse.uint8Array(bytes, {
          contentType: made.headers.get("content-type") ?? "text/html",
          headers: { "content-security-policy": policy }
        })
      }).pipe(Effect.cached)
      yield* router.add(
        "GET",
        "/docs",
        page // H5
      )
    })
  )
