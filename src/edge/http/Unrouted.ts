/** Answers requests that no route takes. HM1–HM3 in Paths.ts */
import { Effect } from "effect"
import { HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { failure, type HeraldError } from "../../errors/HeraldError.ts"
import { noText, type Paths } from "./Paths.ts"

/** Characters of a path that are shown. */
const SHOWN = 200

const refused = (
  { method, url }: HttpServerRequest.HttpServerRequest,
  paths: Paths,
  allowed?: ReadonlyArray<string>
) => {
  const path = url.split("?")[0]?.slice(0, SHOWN) ?? ""
  if (allowed !== undefined) {
    const named = allowed.join(", ")
    return failure("MethodNotAllowed", `${path} takes ${named}, not ${method}`, { details: { allow: named } })
  }
  const near = paths.near(url)
  const parts = (one: string) => one.split("/").filter((part) => part !== "").length
  // shop/orders, as a topic or a key is called.
  const slashed = near?.includes("{") === true && parts(path) > parts(near) ? " A slash in a name is written %2F" : ""
  const instead = near === undefined ? "" : `; did you mean ${near}?${slashed}`
  return failure("NoSuchRoute", `there is no ${method} ${path}${instead}`)
}

/** A failure of the router that is a request without a route. Its description of a part that is too long is not for callers. */
const unrouted = (error: unknown): HttpServerError.RouteNotFound | undefined =>
  HttpServerError.isHttpServerError(error) && error.reason._tag === "RouteNotFound" ? error.reason : undefined

export const answerUnrouted =
  (paths: Paths) =>
  <E, R>(
    app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
  ): Effect.Effect<HttpServerResponse.HttpServerResponse, E | HeraldError, R | HttpServerRequest.HttpServerRequest> =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
      const broken = noText(request.url)
      if (broken !== undefined) return Effect.fail(failure("InvalidInput", broken)) // HM3
      return Effect.catchIf(
        app,
        (error) => unrouted(error) !== undefined,
        (error): Effect.Effect<HttpServerResponse.HttpServerResponse, HeraldError> => {
          if (unrouted(error)?.description !== undefined)
            return Effect.fail(failure("InvalidInput", "a part of the path is longer than any name here"))
          const allowed = paths.allowed(request.url)
          return request.method === "OPTIONS" && allowed !== undefined
            ? Effect.succeed(HttpServerResponse.empty({ status: 204, headers: { allow: allowed.join(", ") } })) // HM1
            : Effect.fail(refused(request, paths, allowed))
        }
      )
    })
