/**
 * Requests of HTTP/1.1 that came to the gRPC door, with node:http: calls of Connect and gRPC-Web, and whoever only looks what this is.
 *
 *   HO1  A slow or endless request ends as at the HTTP door: headers within 10 s, all of it within 60 s. HS1
 *   HO2  An answer that is not read, and what one connection asks at once, are limited as at the HTTP door. HS3–HS5
 *   HO3  When the server leaves, idle connections are closed, and those with calls once these are answered. D1
 *   HO4  Whoever is refused again and again loses its connection. D5
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { universalResponseToNodeResponse } from "@connectrpc/connect-node"
import type { Certificate } from "../../../src/access/Certificates.ts"
import type { Origins } from "../../../src/net/Origins.ts"
import { Unread, type UnreadOptions } from "../../Sockets/Unread.ts"
import { Buckets, bounds } from "../lane/Protections.ts"
import type { Connect } from "./Connect.ts"

export interface Http1Options extends Partial<UnreadOptions> {
  readonly connect: Connect
  readonly times?: Partial<typeof times>
  readonly origins: Origins
  readonly refuse: (reason: string, address?: string) => void
  /** Something threw that never should. */
  readonly defect: (error: unknown) => void
  /** Begins a call in its turn; false: too many wait. D6 */
  readonly admit: (socket: Socket, begin: () => void) => boolean
  /** Whether this status, of a call to this path, goes to someone unknown. D5 */
  readonly isStranger: (path: string, code: number, socket: Socket) => boolean
  /** What the client's certificate says of it. */
  readonly certificateOf: (socket: Socket) => Certificate | undefined
}

type Called = NonNullable<ReturnType<Connect>>

const unreadDefaults = { patience: 30_000, maxUnread: 256 * 1_048_576, bytesPerSecond: 65_536, lookEvery: 250 }
const HEADERS = 100
/** Milliseconds. HO1 */
const times = { headersTimeout: 10_000, requestTimeout: 60_000, connectionsCheckingInterval: 5_000 }
/** Bytes of a request's body that are read to its end after it was answered; of a longer one the connection is closed. */
const REST = 1_048_576
/** Milliseconds until a silent peer is asked whether it is there. */
const KEEPALIVE = 20_000

const SAYS = `This is Herald's gRPC port: gRPC by HTTP/2, and for feature flags Connect and gRPC-Web by HTTP/1.1, too, each with POST.
The HTTP API, with its documentation at /docs, is on Herald's other port (HTTP_PORT, 8080 unless it was changed).
`

/** Undefined: node:http takes what `Headers` does not. */
const headersOf = ({ rawHeaders }: IncomingMessage): Headers | undefined => {
  const headers = new Headers()
  try {
    for (let i = 0; i < rawHeaders.length; i += 2) headers.append(rawHeaders[i]!, rawHeaders[i + 1]!)
    return headers
  } catch {
    return undefined
  }
}

export class Http1 {
  readonly #options: Http1Options
  readonly #server: Server
  readonly #unread: Unread
  readonly #looking: ReturnType<typeof setInterval>
  /** Requests under way of each connection. */
  readonly #underWay = new Map<Socket, number>()
  readonly #buckets = new WeakMap<Socket, Buckets>()
  #isLeaving = false
  #gone: (() => void) | undefined

  constructor(options: Http1Options) {
    this.#options = options
    const unread = { ...unreadDefaults, ...options }
    this.#unread = new Unread(unread, options.refuse)
    this.#server = createServer({
      ...{ ...times, ...options.times }, // HO1
      ...{ maxHeaderSize: bounds.list.bound, keepAliveTimeout: 65_000 }
    })
    this.#server.maxHeadersCount = HEADERS
    this.#server.on("request", (request, response) => this.#asked(request, response))
    this.#server.emit("listening") // it listens to nothing itself, and would not look at the time without
    this.#looking = setInterval(() => this.#unread.look(performance.now()), unread.lookEvery).unref()
  }

  /** Serves a connection, of which nothing is read yet. */
  readonly accept = (socket: Socket): void => {
    this.#underWay.set(socket, 0)
    socket.setKeepAlive(true, KEEPALIVE)
    socket.once("close", () => {
      this.#underWay.delete(socket)
      if (this.#underWay.size === 0) this.#gone?.()
    })
    this.#server.emit("connection", socket)
  }

  #asked(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request
    if (!this.#unread.admit(request, response)) return // HO2
    this.#underWay.set(socket, (this.#underWay.get(socket) ?? 0) + 1)
    response.once("close", () => this.#answered(socket))
    const { method, headers } = request
    const path = (request.url ?? "/").split("?", 1)[0]!
    const origin = headers.origin
    for (const [name, value] of Object.entries(this.#options.origins.answering(origin))) response.setHeader(name, value)
    if (this.#isLeaving) response.setHeader("connection", "close") // HO3
    const call = this.#options.connect(path)
    if (method === "OPTIONS" && call !== undefined) {
      const said = this.#options.origins.preflight(origin, headers["access-control-request-headers"])
      if (said !== undefined) {
        response.writeHead(204, said).end()
        return
      }
    }
    if (method !== "POST" || call === undefined) {
      this.#said(path, Number.NaN, socket)
      this.#tell(request, response, call === undefined ? 404 : 405)
    } else this.#call(call, path, request, response)
  }

  #call(call: Called, path: string, request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request
    const headers = headersOf(request)
    if (headers === undefined) {
      this.#tell(request, response, 400)
      return
    }
    const gone = new AbortController()
    response.once("close", () => gone.abort())
    const { remoteAddress = "unknown", remotePort } = socket
    const exchange = {
      ...{ httpVersion: "1.1" as const, headers, signal: gone.signal },
      body: request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>,
      peer: { address: remoteAddress, port: remotePort },
      host: headers.get("host") ?? "",
      certificate: () => this.#options.certificateOf(socket),
      admit: (begin: () => void) => this.#options.admit(socket, begin),
      onDefect: this.#options.defect,
      onStatus: (code: number) => this.#said(path, code, socket)
    }
    call(exchange).then(
      (answer) => {
        const { status, headers: header, body } = answer
        if (response.destroyed) return
        if (body === undefined) {
          this.#said(path, Number.NaN, socket)
          this.#tell(request, response, status)
          return
        }
        this.#closeAfter(request, response)
        universalResponseToNodeResponse({ status, header, body }, response).catch(() => {}) // its client is gone
      },
      (error) => {
        this.#options.defect(error)
        response.destroy()
      }
    )
  }

  #tell(request: IncomingMessage, response: ServerResponse, status: number): void {
    this.#closeAfter(request, response)
    response.writeHead(status, {
      ...{ "content-type": "text/plain; charset=utf-8", "content-length": Buffer.byteLength(SAYS) },
      ...(status === 405 ? { allow: "POST, OPTIONS" } : {})
    })
    response.end(request.method === "HEAD" ? undefined : SAYS)
  }

  /** Whoever sends much that nobody wants has to stop. */
  #closeAfter({ complete, headers }: IncomingMessage, response: ServerResponse): void {
    const isLong = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > REST
    if (!complete && isLong) response.setHeader("connection", "close")
  }

  /** HO4 */
  #said(path: string, code: number, socket: Socket): void {
    const { isStranger, refuse } = this.#options
    if (!isStranger(path, code, socket)) return
    let buckets = this.#buckets.get(socket)
    if (buckets === undefined) this.#buckets.set(socket, (buckets = new Buckets()))
    if (buckets.take("strangers", performance.now())) return
    refuse("strangers", socket.remoteAddress)
    socket.destroy()
  }

  #answered(socket: Socket): void {
    const left = (this.#underWay.get(socket) ?? 1) - 1
    if (this.#underWay.has(socket)) this.#underWay.set(socket, left)
    if (this.#isLeaving && left === 0) socket.end()
  }

  /** Resolves once all connections are closed. HO3 */
  leave(): Promise<void> {
    this.#isLeaving = true
    return new Promise((resolve) => {
      this.#gone = resolve
      for (const [socket, calls] of this.#underWay) if (calls === 0) socket.end()
      if (this.#underWay.size === 0) resolve()
    })
  }

  /** Closes what is left. */
  cut(): void {
    for (const socket of this.#underWay.keys()) socket.destroy()
    clearInterval(this.#looking)
    this.#server.close()
  }
}
