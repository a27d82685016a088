/**
 * A gRPC server on sockets: HTTP/2 with prior knowledge in clear text, by ALPN in TLS. Calls go to handlers by their paths.
 *
 *   LV3  When the server leaves, connections are asked to, those too whose handshake is under way, calls go on to their end, and whatever is left
 *        when it is forced to is cut.
 *   D3–D6 hold here as they do on grpc-js: Gate.ts.
 */
import { constants } from "node:crypto"
import { createServer, type Server, type Socket } from "node:net"
import { createServer as createTlsServer, type TlsOptions } from "node:tls"
import { Code } from "../../../src/edge/grpc/Code.ts"
import type { Handler } from "../../../src/edge/grpc/ServerCall.ts"
import { certificateOf, isWrong } from "../../Sockets/PeerCertificate.ts"
import { Arrivals } from "./Arrivals.ts"
import { Connection } from "./Connection.ts"
import { LaneCall, type Origin, timeoutOf } from "./LaneCall.ts"
import { type Times, times } from "./Life.ts"
import { ignored, refuseBody } from "./NotGrpc.ts"
import { bounds } from "./Protections.ts"
import { trailers } from "./Replies.ts"
import { type Request, valueOf } from "./Request.ts"
import type { Stream } from "./Stream.ts"
import { Unsent } from "./Unsent.ts"

export interface LaneOptions {
  readonly maxStreams?: number
  /** Bytes of a message; by the path of its call, where that differs. */
  readonly maxReceive?: number | ((path: string) => number)
  readonly maxSend?: number
  /** Bytes that may wait to be sent on all connections. UB2 */
  readonly maxUnsent?: number
  readonly times?: Partial<Times>
  /** By path. */
  readonly handlers?: ReadonlyMap<string, Handler>
  /** What was refused, and of which address. */
  readonly refuse?: (reason: string, address?: string) => void
  /** Whether the certificate of a new connection is one that is not taken. LV4 */
  readonly isRefused?: (socket: Socket) => boolean
  readonly defect?: (error: unknown) => void
  /** Begins a call, now or in its turn; nothing once it is over. D6, G11 */
  readonly admit?: (peer: Peer, begin: () => void) => boolean
  /** Whether this status, of a call to this path, goes to someone unknown. D5 */
  readonly isStranger?: (path: string, code: number, socket: Socket) => boolean
  /** Milliseconds that a client has to read an answer that is complete. D4 */
  readonly unread?: number
  /** Takes requests of HTTP/2 that carry no call of gRPC; false: they are refused. */
  readonly other?: (stream: Stream, request: Request, origin: Origin, peer: Peer) => boolean
  /** For connections of HTTP/1.1, such as node:http's `emit("connection")`. LV1 */
  readonly http1?: (socket: Socket) => void
}

export interface Peer {
  readonly socket: Socket
  readonly stranger: () => void
  /** Its call was refused unread. D6 */
  readonly unread: () => void
}

/** What a certificate is used with, also when it is renewed: nobody negotiates again (RFC 9113 §9.2.1). */
export const securely = <Given extends { readonly secureOptions?: number | undefined }>(given: Given) => ({
  minVersion: "TLSv1.2" as const,
  ...given,
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION | (given.secureOptions ?? 0)
})

/** Bytes of parts that are copied into one write; more are written one after the other. */
const ONE = 65_536
const KILO = 1_024
/** Characters of a caller's text that it is told again: a small answer may not become a large one. */
const SAID = 200
const TICK = 1_000

export class LaneServer {
  readonly #options: LaneOptions
  readonly #times: Times
  readonly #unsent: Unsent
  readonly #connections = new Map<Socket, Connection>()
  readonly #arrivals: Arrivals
  #isLeaving = false
  #server: Server | undefined
  #timer: ReturnType<typeof setInterval> | undefined
  #gone: (() => void) | undefined

  constructor(options: LaneOptions = {}) {
    this.#options = options
    this.#unsent = new Unsent(options.maxUnsent ?? bounds.unsent_in_all.bound)
    this.#times = { ...times, ...options.times }
    this.#arrivals = new Arrivals({
      ...{ http1: options.http1, http2: (socket, first) => this.#connect(socket, first) },
      ...{ refuse: options.refuse, times: this.#times, onGone: () => this.#left() },
      isRefused: options.isRefused ?? isWrong
    })
  }

  /** The server below, before it listens: a gate may stand before it. `tls`: with its certificate. */
  make(tls?: TlsOptions): Server {
    const server =
      tls === undefined
        ? createServer({ noDelay: true })
        : createTlsServer({
            ...{ ALPNProtocols: ["h2", "http/1.1"], handshakeTimeout: this.#times.preface },
            ...securely(tls),
            noDelay: true
          })
    this.#arrivals.of(server, tls !== undefined)
    this.#server = server
    return server
  }

  /** The port that it got. */
  listen(host: string, port: number): Promise<number> {
    const server = this.#server ?? this.make()
    this.#timer = setInterval(() => this.#tick(), TICK)
    this.#timer.unref()
    return new Promise((resolve, reject) => {
      server.once("error", reject)
      server.listen({ host, port, backlog: KILO }, () => {
        server.off("error", reject)
        server.on("error", () => {}) // of one connection that could not be accepted
        resolve((server.address() as { readonly port: number }).port)
      })
    })
  }

  /** Bytes that wait to be sent. UB1 */
  get unsent(): number {
    return this.#unsent.bytes
  }

  get connections(): number {
    return this.#connections.size
  }

  #connect(socket: Socket, first?: Buffer): void {
    const { refuse = () => {}, defect = () => {}, maxStreams = bounds.streams.bound } = this.#options
    const { remoteAddress = "unknown", remotePort } = socket
    const connection: Connection = new Connection({
      wire: {
        write: (parts, bytes) => write(socket, parts, bytes),
        end: () => void socket.end(),
        destroy: () => void socket.destroy()
      },
      unsent: this.#unsent,
      maxStreams,
      unread: this.#options.unread,
      onStream: (stream, request, tooLong) => this.#onStream(stream, request, tooLong, origin, peer),
      refuse: (reason) => refuse(reason, remoteAddress),
      defect,
      now: () => performance.now(),
      times: this.#times,
      spread: Math.random()
    })
    const peer: Peer = { socket, stranger: () => connection.met("strangers"), unread: () => connection.met("refused") }
    const origin: Origin = {
      peer: { address: remoteAddress, port: remotePort },
      certificate: () => certificateOf(socket),
      maxList: () => connection.maxList
    }
    this.#connections.set(socket, connection)
    socket.on("data", (chunk: Buffer) => connection.receive(chunk))
    socket.on("drain", () => connection.drained())
    socket.on("end", () => void socket.end())
    socket.on("close", () => {
      connection.gone()
      this.#connections.delete(socket)
      this.#left()
    })
    if (this.#isLeaving) connection.shutdown() // LV3
    if (first !== undefined) connection.receive(first)
  }

  #onStream(stream: Stream, request: Request, tooLong: boolean, origin: Origin, peer: Peer) {
    const type = valueOf(request.headers, "content-type") ?? ""
    if (!tooLong && (request.method !== "POST" || !/^application\/grpc([+;]|$)/.test(type))) {
      if (this.#options.other?.(stream, request, origin, peer) === true) return
      return refuseBody(stream, request.method === "POST" ? 415 : 405, () => this.#said(request, Number.NaN, peer))
    }
    const end = (code: number, details: string) => {
      stream.listener = ignored(stream)
      stream.finish(trailers(stream.id, { code, details, trailers: IDENTITY }, false, origin.maxList()))
      this.#said(request, code, peer)
    }
    if (tooLong) {
      this.#options.refuse?.("list", origin.peer.address)
      return end(Code.RESOURCE_EXHAUSTED, `the metadata of a call has at most ${bounds.list.bound} bytes`)
    }
    const encoding = valueOf(request.headers, "grpc-encoding")
    if (encoding !== undefined && encoding !== "identity") {
      this.#options.refuse?.("compression", origin.peer.address) // D3
      return end(
        Code.UNIMPLEMENTED,
        "compressed requests are not taken; send them as they are (grpc-encoding: identity)"
      )
    }
    const handler = this.#options.handlers?.get(request.path)
    if (handler === undefined)
      return end(Code.UNIMPLEMENTED, `The server does not implement the method ${request.path.slice(0, SAID)}`)
    const given = valueOf(request.headers, "grpc-timeout")
    const timeout = given === undefined ? undefined : timeoutOf(given)
    if (given !== undefined && timeout === undefined) return end(Code.INTERNAL, "the grpc-timeout of this call is none")
    const { maxReceive = 4_194_304 } = this.#options
    const call = new LaneCall(stream, request, origin, {
      maxReceive: typeof maxReceive === "number" ? maxReceive : maxReceive(request.path),
      maxSend: this.#options.maxSend ?? 8_388_608,
      timeout,
      onStatus: (code) => this.#said(request, code, peer),
      onUnsent: (which) => this.#options.refuse?.(which, origin.peer.address),
      onDefect: this.#options.defect ?? (() => {})
    })
    const begin = () => {
      if (!stream.isOver) call.serve(handler)
    }
    const { admit } = this.#options
    if (admit === undefined) begin()
    else if (!admit(peer, begin)) stream.reset(7 /* REFUSED_STREAM */)
  }

  /** D5 */
  #said({ path }: Request, code: number, peer: Peer): void {
    if (this.#options.isStranger?.(path, code, peer.socket) === true) queueMicrotask(peer.stranger)
  }

  #tick(): void {
    const now = performance.now()
    for (const connection of this.#connections.values()) connection.tick(now)
    this.#arrivals.tick(now)
  }

  #left(): void {
    if (this.#connections.size + this.#arrivals.size === 0) this.#gone?.()
  }

  /** Resolves once all connections are closed. LV3 */
  shutdown(): Promise<void> {
    this.#server?.close()
    this.#isLeaving = true
    this.#arrivals.leave(performance.now())
    const done = new Promise<void>((resolve) => {
      this.#gone = resolve
    })
    for (const connection of this.#connections.values()) connection.shutdown()
    this.#left()
    return done
  }

  /** LV3 */
  destroy(): void {
    clearInterval(this.#timer)
    this.#server?.close()
    this.#arrivals.cut()
    for (const connection of this.#connections.values()) connection.destroy()
  }
}

let newest: { readonly parts: ReadonlyArray<Buffer>; readonly whole: Buffer } | undefined

/** Nobody writes into parts: those that go to many connections one after the other are put together once. */
const joined = (parts: ReadonlyArray<Buffer>, bytes: number): Buffer => {
  if (newest?.parts.length === parts.length && parts.every((part, i) => part === newest!.parts[i])) return newest.whole
  newest = { parts, whole: Buffer.concat(parts, bytes) }
  return newest.whole
}

/** False: the peer has to read first. */
const write = (socket: Socket, parts: ReadonlyArray<Buffer>, bytes: number): boolean => {
  if (socket.destroyed || socket.writableEnded) return true
  if (parts.length === 1) return socket.write(parts[0]!)
  if (bytes <= ONE) return socket.write(joined(parts, bytes))
  socket.cork()
  for (const part of parts) socket.write(part)
  socket.uncork()
  return !socket.writableNeedDrain
}

const IDENTITY = { "grpc-accept-encoding": "identity" }
