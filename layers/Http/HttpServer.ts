/**
 * Serves HTTP with node:http.
 *
 *   HS1  A slow or endless request ends: headers within 10 s and 24 KiB, the whole request within 60 s.
 *   HS3–HS5 in Unread.ts, HS6 in OpenRequests.ts, GA1 and GA2 in ../Gate.ts
 *   HS2  Leaving takes at most 2 s: no new connections, idle ones are closed, running requests end, then the rest is cut.
 */
import { createServer, type Server } from "node:http"
import { createServer as createSecureServer } from "node:https"
import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { HttpServer } from "effect/http"
import { makeRefusals, type Refuse } from "../../src/access/Refusals.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { formatAddress } from "../../src/net/Address.ts"
import { whyNotOpened } from "../../src/net/Reason.ts"
import { withoutSecrets } from "../../src/text/Secrets.ts"
import { type Certificate, type CertificateFiles, makeCertificate } from "../Sockets/Certificate.ts"
import { connections, exempting, type GateOptions, gate } from "../Sockets/Gate.ts"
import { openRequests } from "./OpenRequests.ts"
import { Unread, type UnreadOptions } from "./Unread.ts"

/** Milliseconds for a TLS handshake. */
const HANDSHAKE = 10_000

export interface HttpOptions extends Partial<GateOptions>, Partial<UnreadOptions> {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** Undefined: the door speaks plain HTTP. */
  readonly tls?: CertificateFiles | undefined
  /** Requests without a token from one address: so many a second, and `burst` at once. HS6 */
  readonly open?: { readonly perSecond: number; readonly burst: number }
  /** Milliseconds that running requests have to end when the server leaves. HS2 */
  readonly grace?: number
}

const defaults = {
  maxConnections: 2_000,
  exempt: [],
  patience: 30_000,
  maxUnread: 256 * 1_048_576,
  bytesPerSecond: 65_536,
  lookEvery: 250,
  open: { perSecond: 50, burst: 500 }
} as const

const GRACE = 1_500

/** Limits what connections and their requests may do before any route hears of them. */
const guard = (server: Server, given: Partial<HttpOptions>, refuse: Refuse): void => {
  const options = { ...defaults, ...given }
  const unread = new Unread(options, refuse)
  const looking = setInterval(() => unread.look(performance.now()), options.lookEvery).unref()
  server.once("close", () => clearInterval(looking))
  const open = openRequests({ ...options.open, isExempt: exempting(options.exempt) }, refuse)
  const request = (...[asked, answer]: Parameters<typeof open>) => {
    asked.url = withoutSecrets(asked.url ?? "/") // TU1
    return unread.admit(asked, answer) && open(asked, answer)
  }
  const perAddress = options.perAddress ?? options.maxConnections
  gate(server, {
    connection: connections({ ...options, perAddress }, refuse),
    request,
    checkContinue: request
  })
}

const make = (certificate: Certificate | undefined): Server => {
  const options = {
    // A message of 2,000 characters is as long as 18,000 in a URL.
    maxHeaderSize: 24_576,
    headersTimeout: 10_000,
    requestTimeout: 60_000,
    keepAliveTimeout: 65_000,
    connectionsCheckingInterval: 5_000,
    keepAlive: true,
    noDelay: true,
    // No route changes the protocol, so a request to upgrade is answered like any other.
    shouldUpgradeCallback: () => false
  }
  if (certificate === undefined) return createServer(options)
  const server = createSecureServer({
    ...options,
    ...certificate.now(),
    handshakeTimeout: HANDSHAKE,
    minVersion: "TLSv1.2"
  })
  certificate.keep(server)
  return server as unknown as Server
}

const create = (options: Partial<HttpOptions>, refuse: Refuse, certificate?: Certificate) => (): Server => {
  const server = make(certificate)
  server.maxHeadersCount = 100
  guard(server, options, refuse)
  const close = server.close.bind(server)
  // HS2: `close` alone waits for clients that keep their connection open.
  server.close = (done) => {
    server.on("request", (_, response) => response.setHeader("connection", "close"))
    const timer = setTimeout(() => server.closeAllConnections(), options.grace ?? GRACE)
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

export const layer = (options: HttpOptions) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const certificate = yield* makeCertificate(options.tls ?? {})
      return listening(options, yield* makeRefusals("http"), certificate)
    })
  )

const listening = ({ host, port, ...limits }: HttpOptions, refuse: Refuse, certificate: Certificate | undefined) =>
  NodeHttpServer.layer(create(limits, refuse, certificate), { host, port, gracefulShutdownTimeout: "2 seconds" }).pipe(
    Layer.catch((error) =>
      Layer.effectContext(
        Effect.fail(
          failure(
            "SettingsInvalid",
            `the HTTP port ${formatAddress({ host, port })} can't be opened: ${whyNotOpened(error.cause instanceof Error ? error.cause.message : String(error.cause))}. Set HTTP_PORT to a free one`,
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
