/**
 * The HTTP door: every route, and what all of them share.
 *
 *   H1  No answer is guessed at by a browser, framed, or sent on as a referrer.
 *   H2  A caller's `traceparent` is the parent of what its request does, whether or not traces are exported.
 *   H4  Whether the server is well is asked all the time: that leaves no trace.
 */
import { Effect, Layer, Option, Tracer } from "effect"
import { HttpMiddleware, HttpRouter, HttpServerRequest, HttpServerResponse, HttpTraceContext } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { SocketDoor } from "../websocket/Socket.ts"
import { AuthenticationLive } from "./Authentication.ts"
import { Budget } from "./Budget.ts"
import { apiOf, type Part } from "./Contract.ts"
import { Docs, docsPaths } from "./Docs.ts"
import { HealthRoutes } from "./Health.ts"
import { measured } from "./Measure.ts"
import { Packer, packed } from "./Packing.ts"
import { makePages } from "./Pages.ts"
import { type Paths, pathsOf, routesIn } from "./Paths.ts"
import { answerFailures } from "./Problem.ts"
import { openQuick } from "./Quick.ts"
import { securing } from "./Securing.ts"
import { TopicFrames } from "./topics/TopicFrames.ts"
import { answerUnrouted } from "./Unrouted.ts"

const secured = HttpServerResponse.setHeaders(securing)

/** H2 */
const traced = <A, E, R>(app: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | HttpServerRequest.HttpServerRequest> =>
  Effect.withFiber((fiber) => {
    if (fiber.context.mapUnsafe.has(Tracer.ParentSpan.key)) return app
    const request = fiber.context.mapUnsafe.get(HttpServerRequest.HttpServerRequest.key)
    const headers = request?.headers
    if (headers?.["traceparent"] === undefined) return app
    const parent = HttpTraceContext.fromHeaders(headers)
    return Option.isNone(parent) ? app : Effect.provideService(app, Tracer.ParentSpan, parent.value)
  })

/** Characters. Keys, encoded above all, are longer than a router's usual parameters. */
export const routerConfig = { maxParamLength: 1_024 } as const

/** Routes that are no part of the contract. */
const others = ["/livez", "/readyz", "/metrics", "/openapi.json", ...docsPaths].map((path) => ["GET", path] as const)

/** How parts write a URL that a route is to be found for. */
const rewriting = (parts: ReadonlyArray<Part>) => {
  const all = parts.flatMap(({ asRouted }) => (asRouted === undefined ? [] : [asRouted]))
  return <A, E, R>(app: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | HttpServerRequest.HttpServerRequest> =>
    Effect.withFiber((fiber) => {
      const request = fiber.context.mapUnsafe.get(HttpServerRequest.HttpServerRequest.key)
      const url = all.reduce((url, asRouted) => asRouted(url), request.url)
      return url === request.url
        ? app
        : Effect.provideService(app, HttpServerRequest.HttpServerRequest, request.modify({ url }))
    })
}

const sharedOf = (paths: Paths, parts: ReadonlyArray<Part>) =>
  Layer.unwrap(
    Effect.map(Effect.all([Packer, makePages(parts)]), ([pack, forPages]) =>
      through(paths, packed(pack), forPages, rewriting(parts))
    )
  )

const through = (
  paths: Paths,
  pack: ReturnType<typeof packed>,
  forPages: Effect.Success<ReturnType<typeof makePages>>,
  routed: ReturnType<typeof rewriting>
) => {
  const unrouted = answerUnrouted(paths)
  return HttpRouter.middleware(
    (app) =>
      Effect.map(routed(forPages(pack(measured(app, (found) => traced(answerFailures(unrouted(found))))))), secured),
    {
      global: true
    }
  )
}

const serveSockets = (parts: ReadonlyArray<Part>) =>
  Effect.gen(function* () {
    const door = yield* SocketDoor
    const routes = yield* Effect.forEach(
      parts.flatMap(({ sockets }) => (sockets === undefined ? [] : [sockets])),
      (sockets) => sockets
    )
    door.serve(routes.flat())
  })

/** Every route of a door with these parts. Serve them with `routerConfig`. */
export const routesOf = <const Parts extends ReadonlyArray<Part>>(parts: Parts) => {
  const api = apiOf(parts)
  const routes = parts.map((part) => part.routes) as unknown as [Parts[number]["routes"]]
  const versioned = HttpApiBuilder.layer(api, { openapiPath: "/openapi.json" }).pipe(
    Layer.provide(routes),
    Layer.merge(Layer.effectDiscard(openQuick(parts))),
    Layer.merge(Layer.effectDiscard(serveSockets(parts))),
    Layer.provide([AuthenticationLive, Budget.layer, TopicFrames.layer])
  )
  const paths = pathsOf([...routesIn(api), ...others], routerConfig)
  return Layer.mergeAll(versioned, HealthRoutes, Docs, sharedOf(paths, parts))
}

/** `routesOf(parts)` on the `HttpServer` of the context. */
export const serve = <const Parts extends ReadonlyArray<Part>>(parts: Parts) =>
  HttpRouter.serve(routesOf(parts), { routerConfig, disableLogger: true, disableListenLog: true }).pipe(
    Layer.provide(HttpMiddleware.layerTracerDisabledForUrls(["/livez", "/readyz", "/metrics"])) // H4
  )
