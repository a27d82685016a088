/**
 * Serves HTTP/1.1 with node:http; with TLS also HTTP/2, with node:http2, whichever the client picks (docs/decisions/0020-http2-at-the-http-door.md).
 *
 *   HS1  A slow or endless request ends: headers within 10 s and 24 KiB, the whole request within 60 s.
 *   HS3–HS5 in ../Sockets/Unread.ts, HS6 in OpenRequests.ts, HT1–HT8 in Streams.ts, GA1 and GA2 in ../Sockets/Gate.ts, YO1–YO3 in websocket/Sockets.ts
 *   HS2  Leaving takes at most 2 s: no new connections, idle ones are closed, running requests end, then the rest is cut.
 *   HS8  With TLS a client has HTTP/2 and HTTP/1.1 to choose from, and every route is the same by both.
 */
import { createServer, type IncomingMessage, Server, type ServerResponse } from "node:http"
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type ServerHttp2Session
} from "node:http2"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import type { TLSSocket } from "node:tls"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Layer } from "effect"
import { HttpServer } from "effect/http"
import { Certificates } from "../../src/access/Certificates.ts"
import { makeRefusals, type Refuse } from "../../src/access/Refusals.ts"
import { takenOut } from "../../src/access/Ticket.ts"
import { type Quick, type QuickAnswer, QuickDoor, type Source } from "../../src/edge/http/Quick.ts"
import { SocketDoor } from "../../src/edge/websocket/Socket.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { formatAddress } from "../../src/net/Address.ts"
import { whyNotOpened } from "../../src/net/Reason.ts"
import { withoutSecrets } from "../../src/text/Secrets.ts"
import { type Certificate, type CertificateFiles, makeCertificate } from "../Sockets/Certificate.ts"
import { connections, exempting, type GateOptions, gate } from "../Sockets/Gate.ts"
import { refusing } from "../Sockets/PeerCertificate.ts"
import { Unread, type UnreadOptions } from "../Sockets/Unread.ts"
import { openRequests } from "./OpenRequests.ts"
import { Streams, type StreamTimes } from "./Streams.ts"
import { type SocketLimits, Sockets, socketLimits, socketsFor } from "./websocket/Sockets.ts"

/** Milliseconds for a TLS handshake. */
const HANDSHAKE = 10_000

export interface HttpOptions extends Partial<GateOptions>, Partial<UnreadOptions> {
  readonly sockets?: Partial<SocketLimits>
  /** Whose pages may open WebSockets. YS4 in src/edge/websocket/Socket.ts */
  readonly origins?: ReadonlyArray<string>
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** Undefined: the door speaks plain HTTP. */
  readonly tls?: CertificateFiles | undefined
  /** Requests without a token from one address: so many a second, and `burst` at once. HS6 */
  readonly open?: { readonly perSecond: number; readonly burst: number }
  /** Milliseconds that running requests have to end when the server leaves. HS2 */
  readonly grace?: number
  /** Of HTTP/2. HT1, HT2 */
  readonly times?: StreamTimes
}

const defaults = {
  maxConnections: 2_000,
  exempt: [],
  origins: [] as ReadonlyArray<string>,
  patience: 30_000,
  maxUnread: 256 * 1_048_576,
  bytesPerSecond: 65_536,
  lookEvery: 250,
  open: { perSecond: 50, burst: 500 }
} as const

const GRACE = 1_500

const isHttp2 = (request: IncomingMessage | Http2ServerRequest): request is Http2ServerRequest =>
  request.httpVersionMajor === 2

/** What the door may answer before any route hears of it. QK1 in src/edge/http/Quick.ts */
interface Shortcut {
  quick: Quick | undefined
  sockets: Sockets | undefined
}

/** What TLS is told, and whether a connection's client certificate is one that is not taken. */
interface Secured {
  readonly certificate: Certificate | undefined
  readonly isRefused: (socket: unknown) => boolean
}

const answering =
  (response: ServerResponse) =>
  ({ status, headers, text }: QuickAnswer): void => {
    if (response.destroyed) return
    response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(text) })
    response.end(text)
  }

/** Limits what connections and their requests may do before any route hears of them. */
const guard = (
  server: Server | Http2SecureServer,
  given: Partial<HttpOptions>,
  refuse: Refuse,
  shortcut: Shortcut,
  isRefused: (socket: unknown) => boolean
): Streams => {
  const goOn = server.emit.bind(server)
  const options = { ...defaults, ...given }
  const unread = new Unread(options, refuse)
  const isExempt = exempting(options.exempt)
  const streams = new Streams(unread, isExempt, refuse, options.times)
  const sockets = new Sockets(unread, refuse, {
    isExempt,
    origins: options.origins,
    ...socketLimits,
    ...options.sockets
  })
  shortcut.sockets = sockets
  const look = () => {
    const now = performance.now()
    unread.look(now)
    streams.look(now)
    sockets.look(now)
  }
  const looking = setInterval(look, options.lookEvery).unref()
  server.once("close", () => clearInterval(looking))
  const open = openRequests({ ...options.open, isExempt }, refuse)
  const request = (asked: IncomingMessage | Http2ServerRequest, answer: ServerResponse): boolean => {
    const [url, ticket] = takenOut(asked.url ?? "/")
    asked.url = withoutSecrets(url) // TU1
    if (ticket !== undefined) asked.headers.authorization ??= ticket
    if (!isHttp2(asked))
      return (
        unread.admit(asked, answer) &&
        open.admit(asked, answer) &&
        shortcut.quick?.(asked as Source, answering(answer), () => goOn("request", asked, answer)) !== true
      )
    // node:http2 tells nobody that the client of such a request went away.
    if (asked.method === "HEAD") asked.stream.once("close", () => answer.writableEnded || answer.emit("close"))
    if (open.admit(asked as unknown as IncomingMessage, answer)) return true
    streams.refused(asked.stream.session as ServerHttp2Session | undefined)
    return false
  }
  const upgrade = (asked: IncomingMessage, socket: Duplex, head: Buffer): boolean => {
    sockets.upgrade(asked, socket as Socket, head, open)
    return false
  }
  const secured = (socket: TLSSocket): boolean => {
    if (!isRefused(socket)) return streams.secured(socket)
    refuse("client_certificate", socket.remoteAddress) // LV4 in ../Grpc/lane/Arrivals.ts
    socket.destroy()
    return false
  }
  const perAddress = options.perAddress ?? options.maxConnections
  gate(server, {
    upgrade,
    connection: connections({ ...options, perAddress }, refuse),
    secureConnection: secured,
    session: streams.session,
    stream: streams.stream,
    request,
    checkContinue: request
  })
  return streams
}

const HEADERS = 100
/** Bytes. A message of 2,000 characters is as long as 18,000 in a URL. */
const HEADER_BYTES = 24_576

const http1 = {
  maxHeaderSize: HEADER_BYTES,
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5_000
}
/** What nghttp2 holds a connection to: https://nodejs.org/api/http2.html#http2createsecureserveroptions-onrequesthandler */
const http2 = {
  /** Of headers with those that begin with a colon. */
  maxHeaderListPairs: HEADERS + 4,
  /** Megabytes: more than HS4 leaves unread. */
  maxSessionMemory: 16,
  settings: {
    enablePush: false,
    /** Clients begin as many before they have heard of a limit (RFC 9113 §6.5.2). */
    maxConcurrentStreams: 100,
    /** A header counts 32 bytes more than by HTTP/1.1. */
    maxHeaderListSize: HEADER_BYTES + 32 * (HEADERS + 4)
  }
}

/** A client is asked for a certificate where there are authorities, and need not have one: probes and browsers have none. */
const asking = ({ ca }: { readonly ca?: string }) =>
  ca === undefined ? {} : { requestCert: true, rejectUnauthorized: false }

const make = (certificate: Certificate | undefined): Server | Http2SecureServer => {
  const sockets = { keepAlive: true, noDelay: true }
  if (certificate === undefined) return createServer({ ...http1, ...sockets })
  const server = createSecureServer({
    ...sockets,
    ...certificate.now(),
    ...asking(certificate.now()),
    ...http2,
    http1Options: http1,
    allowHTTP1: true, // HS8
    handshakeTimeout: HANDSHAKE,
    minVersion: "TLSv1.2"
  })
  certificate.keep(server)
  return server
}

const create =
  (options: Partial<HttpOptions>, refuse: Refuse, shortcut: Shortcut, { certificate, isRefused }: Secured) =>
  (): Server => {
    // Both kinds have all that is used of it below.
    const server = make(certificate) as Server
    server.maxHeadersCount = HEADERS
    // A request to upgrade that no WebSocket is served for is answered like any other. YO1
    Object.assign(server, {
      shouldUpgradeCallback: (asked: IncomingMessage) => shortcut.sockets?.takes(asked) === true
    })
    const streams = guard(server, options, refuse, shortcut, isRefused)
    const close = server.close.bind(server)
    // HS2: `close` alone waits for clients that keep their connection open.
    server.close = (done) => {
      shortcut.quick = undefined
      shortcut.sockets?.leave()
      server.on("request", (asked, response) => isHttp2(asked) || response.setHeader("connection", "close"))
      const cut = () => {
        Server.prototype.closeAllConnections.call(server) // node:http2 has none of its own
        streams.destroy()
        shortcut.sockets?.destroy()
      }
      const timer = setTimeout(cut, options.grace ?? GRACE)
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

export { socketsFor }

export const layer = (options: HttpOptions) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const certificate = yield* makeCertificate(options.tls ?? {})
      const isRefused = refusing(yield* Certificates)
      return listening(options, yield* makeRefusals("http"), { certificate, isRefused })
    })
  )

const listening = ({ host, port, ...limits }: HttpOptions, refuse: Refuse, secured: Secured) => {
  const shortcut: Shortcut = { quick: undefined, sockets: undefined }
  const open = (quick: Quick) => void (shortcut.quick = quick)
  return Layer.mergeAll(
    opening({ host, port }, create(limits, refuse, shortcut, secured)),
    Layer.succeed(QuickDoor, { open }),
    Layer.succeed(SocketDoor, { serve: (routes) => shortcut.sockets?.serve(routes) })
  )
}

const opening = ({ host, port }: Pick<HttpOptions, "host" | "port">, make: () => Server) =>
  NodeHttpServer.layer(make, { host, port, gracefulShutdownTimeout: "2 seconds" }).pipe(
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
