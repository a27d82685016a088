/**
 * The HTTP door on node:http.
 *
 *   V1  A slow or endless request ends: headers within 10 s and 16 KiB, the whole request within 60 s.
 *   V2  Leaving takes at most 2 s: no new connections, idle ones are closed, running requests end, then the rest is cut.
 */
import { createServer, type Server } from "node:http"
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { HttpServer } from "effect/http"
import { failure } from "../../src/errors/HeraldError.ts"

export interface HttpOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
}

const GRACE = 1_500

const create = (): Server => {
  const server = createServer({
    maxHeaderSize: 16_384,
    headersTimeout: 10_000,
    requestTimeout: 60_000,
    keepAliveTimeout: 65_000,
    connectionsCheckingInterval: 5_000,
    keepAlive: true,
    noDelay: true
  })
  server.maxHeadersCount = 100
  const close = server.close.bind(server)
  // V2: `close` alone waits for clients that keep their connection open.
  server.close = (done) => {
    server.on("request", (_, response) => response.setHeader("connection", "close"))
    const timer = setTimeout(() => server.closeAllConnections(), GRACE)
    const sweep = setInterval(() => server.closeIdleConnections(), 50)
    close((error) => {
      clearTimeout(timer)
      clearInterval(sweep)
      done?.(error)
    })
    server.closeIdleConnections()
    return server
  }
  return server
}

export const layer = ({ host, port }: HttpOptions) =>
  NodeHttpServer.layer(create, { host, port, gracefulShutdownTimeout: "2 seconds" }).pipe(
    Layer.catch((error) =>
      Layer.effectContext(
        Effect.fail(
          failure(
            "SettingsInvalid",
            `the HTTP port ${host}:${port} can't be opened: ${error.cause instanceof Error ? error.cause.message : String(error.cause)}. Set HTTP_PORT to a free one`,
            { cause: error }
          )
        )
      )
    )
  )

/** The port that the server listens on. */
export const boundPort = Effect.map(HttpServer.HttpServer, (server) =>
  "port" in server.address ? server.address.port : 0
)
