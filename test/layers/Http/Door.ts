/** The HTTP door with TLS, routes for all that a hostile client may want, and such clients. */
import { afterEach, assert } from "@effect/vitest"
import { Effect, Exit, Layer, Scope, Stream } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import * as Http from "../../../layers/Http/HttpServer.ts"
import { bodyOf } from "../../../src/edge/http/Gathered.ts"
import { asker, certified } from "../../support/Protocols.ts"
import * as Raw from "../../support/RawHttp2.ts"

export const MEGABYTE = 1_048_576

export const page = new Uint8Array(4 * MEGABYTE)
/** More than the system takes of an answer that nobody reads. */
const huge = new Uint8Array(16 * MEGABYTE)
/** Requests that wait, how many were given up; bodies that were read to their end, and that were not. */
export const waits = { begun: 0, interrupted: 0, read: 0, broken: 0 }
export const event = new TextEncoder().encode(`data: ${"x".repeat(1_000)}\n\n`)

export const routes = Layer.mergeAll(
  HttpRouter.add("GET", "/page", HttpServerResponse.uint8Array(page)),
  HttpRouter.add("GET", "/huge", HttpServerResponse.uint8Array(huge)),
  HttpRouter.add("GET", "/hello", HttpServerResponse.text("hello")),
  HttpRouter.add("GET", "/events", HttpServerResponse.stream(Stream.forever(Stream.succeed(event)))),
  HttpRouter.add("GET", "/quiet", HttpServerResponse.stream(Stream.concat(Stream.succeed(event), Stream.never))),
  HttpRouter.add("POST", "/refused", HttpServerResponse.text("no", { status: 401 })),
  HttpRouter.add(
    "POST",
    "/read",
    Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
      Effect.map(bodyOf(request, request.headers, MEGABYTE), (bytes) => {
        waits.read++
        return HttpServerResponse.text(String(bytes.byteLength))
      })
    ).pipe(
      Effect.orDie,
      Effect.onExit((exit) => Effect.sync(() => Exit.isFailure(exit) && waits.broken++))
    )
  ),
  HttpRouter.add(
    "*",
    "/wait",
    Effect.suspend(() => {
      waits.begun++
      return Effect.never
    }).pipe(Effect.onInterrupt(() => Effect.sync(() => waits.interrupted++)))
  )
)

export const times = { first: 60_000, idle: 60_000, whole: 60_000 }
/** An address may ask without a token as often as it likes. */
export const free = { open: { perSecond: 1e6, burst: 1e6 } }

/** For the tests of one file: they have a certificate, and what they opened is closed after each. */
export const door = () => {
  const certificate = certified()
  /** What a test has to end. */
  const ends: Array<() => unknown> = []
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end()
    Object.assign(waits, { begun: 0, interrupted: 0, read: 0, broken: 0 })
  })

  const start = async (limits: Partial<Http.HttpOptions> = {}) => {
    const scope = Effect.runSync(Scope.make())
    ends.push(() => Effect.runPromise(Scope.close(scope, Exit.void)))
    const server = HttpRouter.serve(routes as Layer.Layer<never, never, HttpRouter.HttpRouter>, {
      disableLogger: true,
      disableListenLog: true
    }).pipe(
      Layer.provideMerge(
        Http.layer({ host: "127.0.0.1", port: 0, tls: certificate.tls, exempt: [], lookEvery: 10, ...limits })
      ),
      Layer.buildWithScope(scope)
    )
    const context = await Effect.runPromise(server)
    return Effect.runPromise(Http.boundPort.pipe(Effect.provideContext(context)))
  }

  const open = async (port: number, window?: number | "silent") => {
    const client = await Raw.RawHttp2.open(port, window)
    ends.push(() => client[Symbol.dispose]())
    return client
  }

  /** Another client is served. */
  const neighbour = async (port: number, path = "/livez") => {
    const { ask, close } = asker("HTTP/2", port, certificate.ca)
    const { status } = await ask(path)
    close()
    return status
  }
  const isServed = async (port: number) => assert.strictEqual(await neighbour(port, "/hello"), 200)
  return { certificate, ends, isServed, neighbour, open, start }
}
