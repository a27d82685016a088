/**
 * Sockets that came to the lane, until it is known what they speak.
 *
 *   LV1  One port serves both: a connection that does not begin with HTTP/2's preface, or agreed on HTTP/1.1, is handed on, with all that came of it.
 *   LV2  A connection that says nothing is closed after the time of Protections.ts, its TLS handshake included.
 *   LV4  Who shows a certificate that is not of the server's authorities, or that was revoked, is refused, also where nobody has to show one.
 */
import type { Server, Socket } from "node:net"
import { TLSSocket } from "node:tls"
import { PREFACE } from "./Frames.ts"
import type { Times } from "./Life.ts"

export interface ArrivalsOptions {
  /** `first`: what came already. */
  readonly http2: (socket: Socket, first?: Buffer) => void
  readonly http1: ((socket: Socket) => void) | undefined
  readonly refuse: ((reason: string, address?: string) => void) | undefined
  /** LV4 */
  readonly isRefused: (socket: Socket) => boolean
  readonly times: Pick<Times, "preface" | "moment">
  /** One is none any more. */
  readonly onGone: () => void
}

export class Arrivals {
  readonly #options: ArrivalsOptions
  /** Who has said nothing, and since when. */
  readonly #silent = new Map<Socket, number>()
  /** Sockets whose TLS is not agreed on yet, by the address of their peer: all that they and what stands on them have in common. */
  readonly #handshakes = new Map<string, Socket>()
  #leavingSince: number | undefined

  constructor(options: ArrivalsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#silent.size + this.#handshakes.size
  }

  /** Takes what comes to a server. */
  of(server: Server, isTls: boolean): void {
    if (isTls) server.on("connection", (socket: Socket) => this.#shake(socket))
    server.on(isTls ? "secureConnection" : "connection", (socket: Socket) => this.#accept(socket))
    server.on("tlsClientError", ({ code }: NodeJS.ErrnoException, socket: TLSSocket) => {
      if (code === "ERR_TLS_HANDSHAKE_TIMEOUT") this.#options.refuse?.("preface", socket.remoteAddress) // LV2
      if (code === "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE" || socket.authorizationError)
        this.#options.refuse?.("client_certificate", socket.remoteAddress) // LV4
      socket.destroy() // Node leaves that to us
    })
  }

  #shake(socket: Socket): void {
    const peer = peerOf(socket)
    this.#handshakes.set(peer, socket)
    socket.once("close", () => {
      this.#handshakes.delete(peer)
      this.#options.onGone()
    })
  }

  #accept(socket: Socket) {
    socket.on("error", () => {})
    this.#handshakes.delete(peerOf(socket))
    const { http1, http2 } = this.#options
    if (this.#options.isRefused(socket)) {
      this.#options.refuse?.("client_certificate", socket.remoteAddress) // LV4
      return void socket.destroy()
    }
    const agreed = socket instanceof TLSSocket ? socket.alpnProtocol : undefined
    if (agreed === "h2") return http2(socket)
    if (agreed === "http/1.1" && http1 !== undefined) return http1(socket)
    this.#silent.set(socket, performance.now())
    socket.once("close", () => {
      this.#silent.delete(socket)
      this.#options.onGone()
    })
    socket.once("data", (first) => this.#sniff(socket, first as Buffer))
  }

  /** LV1: three bytes tell: no method of HTTP/1.1 but one that it does not have begins as the preface does. */
  #sniff(socket: Socket, first: Buffer) {
    if (first.length < 3 && PREFACE.subarray(0, first.length).equals(first)) {
      socket.pause()
      socket.once("data", (more) => this.#sniff(socket, Buffer.concat([first, more as Buffer])))
      return void socket.resume()
    }
    this.#silent.delete(socket)
    const { http1, http2 } = this.#options
    if (http1 === undefined || PREFACE.compare(first, 0, Math.min(3, first.length), 0, 3) === 0)
      return http2(socket, first)
    socket.pause()
    socket.unshift(first)
    http1(socket)
    socket.resume()
  }

  /** LV2 */
  tick(now: number): void {
    const { refuse, times } = this.#options
    for (const [socket, since] of this.#silent)
      if (now - since >= times.preface) {
        refuse?.("preface", socket.remoteAddress)
        socket.destroy()
      }
    if (this.#leavingSince !== undefined && now - this.#leavingSince >= times.moment) this.cut()
  }

  /** Whoever goes on saying nothing is waited for no longer than a moment. LV3 */
  leave(now: number): void {
    this.#leavingSince = now
  }

  cut(): void {
    for (const socket of this.#silent.keys()) socket.destroy()
    for (const socket of this.#handshakes.values()) socket.destroy()
  }
}

const peerOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`
