import { connect } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import * as Http from "../../../layers/Http/HttpServer.ts"

const start = (routes: Layer.Layer<never, never, HttpRouter.HttpRouter>, limits: Partial<Http.HttpOptions> = {}) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const context = yield* HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }).pipe(
      Layer.provideMerge(Http.layer({ host: "127.0.0.1", port: 0, ...limits })),
      Layer.buildWithScope(scope)
    )
    const port = yield* Http.boundPort.pipe(Effect.provideContext(context))
    return { scope, port }
  })

/** Sends raw bytes; what came back until the peer closed. */
const raw = (port: number, text: string, onData: () => void = () => undefined) =>
  Effect.callback<string>((resume) => {
    let received = ""
    const socket = connect(port, "127.0.0.1", () => socket.write(text))
    socket.on("data", (chunk) => {
      received += chunk
      onData()
    })
    socket.on("close", () => resume(Effect.succeed(received)))
    socket.on("error", () => undefined)
  })

const hello = HttpRouter.add("GET", "/hello", HttpServerResponse.text("hello"))

describe("HttpServer", () => {
  it.live("HS1 headers beyond the limit are refused", () =>
    Effect.gen(function* () {
      const { scope, port } = yield* start(hello)
      const answer = yield* raw(port, `GET /hello HTTP/1.1\r\nHost: a\r\nX-Big: ${"x".repeat(25_000)}\r\n\r\n`)
      yield* Scope.close(scope, Exit.void)

      assert.match(answer, /^HTTP\/1\.1 431 /)
    })
  )

  it.live("HS2 an idle keep-alive connection does not hold the server open", () =>
    Effect.gen(function* () {
      const { scope, port } = yield* start(hello)
      const answered = yield* Deferred.make<void>()
      const socket = yield* Effect.forkChild(
        raw(port, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", () => Deferred.doneUnsafe(answered, Effect.void))
      )
      yield* Deferred.await(answered)
      yield* Scope.close(scope, Exit.void)
      const answer = yield* Fiber.join(socket)

      assert.include(answer, "hello")
    })
  )

  it.live("HS2 a running request may end; a stuck one is cut", () =>
    Effect.gen(function* () {
      const running = yield* Deferred.make<void>()
      const waiting = yield* Deferred.make<void>()
      const release = yield* Deferred.make<void>()
      const slow = HttpRouter.add(
        "GET",
        "/slow",
        Deferred.succeed(running, undefined).pipe(
          Effect.andThen(Deferred.await(release)),
          Effect.as(HttpServerResponse.text("done"))
        )
      )
      const stuck = HttpRouter.add("GET", "/stuck", Effect.andThen(Deferred.succeed(waiting, undefined), Effect.never))
      const { scope, port } = yield* start(Layer.merge(slow, stuck), { grace: 200 })
      const one = yield* Effect.forkChild(raw(port, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"))
      const two = yield* Effect.forkChild(raw(port, "GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n"))
      yield* Deferred.await(running)
      yield* Deferred.await(waiting)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* Deferred.succeed(release, undefined)
      const answer = yield* Fiber.join(one)
      yield* Fiber.join(closing)
      const cut = yield* Fiber.join(two)

      assert.include(answer, "done")
      assert.notInclude(cut, "HTTP/1.1 200")
    })
  )

  it.live("a port that is taken is said with what to do", () =>
    Effect.gen(function* () {
      const { scope, port } = yield* start(hello)
      const error = yield* Effect.flip(Effect.scoped(Layer.build(Http.layer({ host: "127.0.0.1", port }))))
      yield* Scope.close(scope, Exit.void)

      assert.strictEqual(error.name, "SettingsInvalid")
      assert.include(error.message, "HTTP_PORT")
    })
  )
})
