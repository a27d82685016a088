/** Tells browsers whose pages may read an answer. OX1, OX2 in src/net/Origins.ts */
import { Effect } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import type { Origins } from "../../net/Origins.ts"
import type { Part } from "./Contract.ts"

type App<E, R> = Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>

const both = (one: string | undefined, other: string | undefined): string =>
  one === undefined || other === undefined ? (one ?? other ?? "") : `${one}, ${other}`

const told = (answer: HttpServerResponse.HttpServerResponse, headers: Readonly<Record<string, string>>) => {
  const vary = headers["vary"]
  const said = vary === undefined ? headers : { ...headers, vary: both(answer.headers["vary"], vary) }
  return HttpServerResponse.setHeaders(answer, said)
}

/** A browser asks whether it may ask, by a request that carries no key. */
const isPreflight = (method: string, headers: HttpServerRequest.HttpServerRequest["headers"]): boolean =>
  method === "OPTIONS" && headers["access-control-request-method"] !== undefined

/** All of the paths below which pages may read, with who. */
export const makePages = (parts: ReadonlyArray<Part>) =>
  Effect.map(
    Effect.forEach(
      parts.flatMap(({ pages }) => (pages === undefined ? [] : [pages])),
      ({ under, origins }) => Effect.map(origins, (its: Origins) => ({ under, its }))
    ),
    (all) =>
      <E, R>(app: App<E, R>): App<E, R | HttpServerRequest.HttpServerRequest> =>
        Effect.flatMap(HttpServerRequest.HttpServerRequest, (request): App<E, R> => {
          const its = all.find(({ under }) => request.url.startsWith(under))?.its
          if (its === undefined) return app
          const { headers, method } = request
          const origin = headers["origin"]
          const allowed = isPreflight(method, headers)
            ? its.preflight(origin, headers["access-control-request-headers"])
            : undefined
          if (allowed !== undefined) return Effect.succeed(HttpServerResponse.empty({ status: 204, headers: allowed }))
          return Effect.map(app, (answer) => told(answer, its.answering(origin)))
        })
  )
