/**
 * Opens WebSockets at the HTTP door (RFC 6455 §4.2), for routes that are served so. By HTTP/1.1 only: who has HTTP/2 opens another connection.
 *
 *   YO1  A request for a path that is no WebSocket's is answered like any other; one that opens none is answered with a problem, and nothing is kept.
 *   YO2  A WebSocket counts as the connection that it is: limits of connections, of what may wait to be read, and of requests without a token hold for it.
 *   YO3  When the server leaves, those who serve sockets are told so and end them; what is left is cut with all other connections.
 */

import { createHash } from "node:crypto"
import { type IncomingMessage, ServerResponse } from "node:http"
import type { Socket as NodeSocket } from "node:net"
import { Places } from "../../../src/access/Places.ts"
import type { Refuse } from "../../../src/access/Refusals.ts"
import { REQUEST } from "../../../src/edge/http/Authentication.ts"
import { problemOf } from "../../../src/edge/http/Problem.ts"
import type { SocketRoute } from "../../../src/edge/websocket/Socket.ts"
import { failure, HeraldError } from "../../../src/errors/HeraldError.ts"
import { countedAs } from "../../../src/net/Address.ts"
import { EVERY_ORIGIN } from "../../../src/net/Origins.ts"
import { excerpt } from "../../../src/text/Excerpt.ts"
import { addressOf } from "../../Sockets/Gate.ts"
import type { Unread } from "../../Sockets/Unread.ts"
import type { openRequests } from "../OpenRequests.ts"
import { Connection } from "./Connection.ts"

/** RFC 6455 §1.3 */
const MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
const KEY = /^[A-Za-z0-9+/]{22}==$/

/** WebSockets of a node. YS3 */
export interface SocketLimits {
  readonly inAll: number
  readonly ofPrincipal: number
  /** Of whom nobody knows yet: in all, and of an address. */
  readonly unknown: number
  readonly unknownOfAddress: number
  /** Milliseconds after which one of them makes room, where all of their places are taken. */
  readonly unknownFor: number
}

/** A principal and all that are unknown leave a tenth of the places to others. */
export const socketsFor = (inAll: number): SocketLimits => {
  const part = (share: number) => Math.max(1, Math.floor(inAll * share))
  return { inAll, ofPrincipal: part(0.8), unknown: part(0.1), unknownOfAddress: part(0.05), unknownFor: 1_000 }
}
export const socketLimits: SocketLimits = socketsFor(1_000)

interface Options extends SocketLimits {
  /** Origins whose pages may open WebSockets; "*": all. None: as a route says. YS4 */
  readonly origins: ReadonlyArray<string>
  /** An address that many share. */
  readonly isExempt: (address: string) => boolean
}

const namesIn = (header: string | undefined): ReadonlyArray<string> =>
  header === undefined ? [] : header.split(",").map((name) => name.trim())

const spoken = ({ protocol, binary }: SocketRoute): ReadonlyArray<string> =>
  binary === undefined ? [protocol] : [protocol, binary]
/** The first of those that the client names. */
const spokenBy = (route: SocketRoute, { headers }: IncomingMessage): string | undefined =>
  namesIn(headers["sec-websocket-protocol"]).find((name) => spoken(route).includes(name))

/** What requests without a token have to do with. */
type Open = ReturnType<typeof openRequests>

export class Sockets {
  readonly #unread: Unread
  readonly #refuse: Refuse
  readonly #open = new Set<Connection>()
  #routes: ReadonlyArray<SocketRoute> = []
  readonly #options: Options
  readonly #known: Places
  readonly #unknown: Places
  /** Oldest first: since when, and what gives its place back. */
  readonly #strangers = new Map<Connection, { readonly at: number; readonly leave: () => void }>()
  readonly #origins: ReadonlySet<string>
  #leaving = false

  constructor(unread: Unread, refuse: Refuse, options: Options) {
    this.#unread = unread
    this.#refuse = refuse
    this.#options = options
    this.#origins = new Set(options.origins)
    this.#known = new Places([options.ofPrincipal])
    this.#unknown = new Places([options.unknown, options.unknownOfAddress])
  }

  get size(): number {
    return this.#open.size
  }

  serve(routes: ReadonlyArray<SocketRoute>): void {
    this.#routes = routes
  }

  /** Whether it asks for one that is served. YO1 */
  readonly takes = ({ method, url, headers }: IncomingMessage): boolean =>
    method === "GET" && headers.upgrade?.toLowerCase() === "websocket" && this.#routeOf(url) !== undefined

  /** YO2 */
  upgrade(request: IncomingMessage, socket: NodeSocket, head: Buffer, open: Open): void {
    socket.on("error", () => {})
    const route = this.#routeOf(request.url)
    const response = new ServerResponse(request)
    response.assignSocket(socket)
    response.shouldKeepAlive = false
    response.once("finish", () => socket.end())
    const strange = route === undefined ? undefined : this.#strange(route, request.headers.origin)
    if (strange !== undefined) {
      this.#refuse("origin", addressOf(socket))
      refuse(response, strange) // YS4
      return
    }
    if (!open.admit(request, response)) return
    const wrong =
      route === undefined ? failure("NoSuchRoute", "no WebSocket is served there") : this.#wrong(route, request)
    const address = addressOf(socket)
    const place = wrong ?? this.#unknownPlace(address)
    if (route === undefined || place instanceof HeraldError) {
      refuse(response, place as HeraldError)
      return
    }
    response.detachSocket(socket)
    const named = spokenBy(route, request)
    socket.setNoDelay(true)
    socket.write(
      [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        `Sec-WebSocket-Accept: ${accept(request.headers["sec-websocket-key"]!)}`,
        ...(named === undefined ? [] : [`Sec-WebSocket-Protocol: ${named}`]),
        "\r\n"
      ].join("\r\n")
    )
    if (head.length > 0) socket.unshift(head)
    let leave = place
    const made = new Connection(request, socket, {
      largest: route.largest,
      isBinary: named !== undefined && named === route.binary,
      refuse: (reason) => this.#refuse(reason, address),
      signedIn: (principal) => {
        const known = this.#known.take(principal)
        if (typeof known === "number")
          return failure(
            "ServerFull",
            `${principal} has all ${this.#options.ofPrincipal} WebSockets that one principal may have`
          )
        this.#strangers.delete(made)
        leave()
        leave = known
        return undefined
      },
      wrongToken: () => open.wrongToken(address)
    })
    this.#strangers.set(made, { at: performance.now(), leave: place })
    this.#open.add(made)
    this.#unread.add(made)
    socket.once("close", () => {
      leave()
      this.#strangers.delete(made)
      this.#open.delete(made)
      this.#unread.remove(made)
    })
    route.open(made)
  }

  /** Milliseconds of a monotonic clock. */
  look(now: number): void {
    for (const one of this.#open) one.look(now)
  }

  /** YO3 */
  leave(): void {
    this.#leaving = true
    for (const one of this.#open) one.leave()
  }

  destroy(): void {
    for (const one of this.#open) one.destroy()
  }

  #routeOf(url: string | undefined): SocketRoute | undefined {
    const path = url?.split(/[?#]/, 1)[0]
    return this.#routes.find((route) => route.path === path)
  }

  /** YS3 */
  #unknownPlace(address: string): (() => void) | HeraldError {
    const names = ["", this.#options.isExempt(address) ? undefined : countedAs(address)]
    let place = this.#unknown.take(...names)
    const isFull = names[1] !== undefined && this.#unknown.count(1, names[1]) >= this.#options.unknownOfAddress
    const silent = place === 0 && !isFull ? this.#silent() : undefined
    if (silent !== undefined) {
      this.#strangers.get(silent)?.leave()
      this.#strangers.delete(silent)
      silent.cut("no_token")
      place = this.#unknown.take(...names)
    }
    return typeof place === "number"
      ? failure("ServerFull", "too many WebSockets are open whose first message, which says who is there, has not come")
      : place
  }

  /** Who has said nothing for long enough: the oldest of the address that has most of those. */
  #silent(): Connection | undefined {
    const before = performance.now() - this.#options.unknownFor
    const all = [...this.#strangers].flatMap(([one, { at }]) => (at <= before && one.heard() === 0 ? [one] : []))
    let most: ReadonlyArray<Connection> = []
    for (const its of Map.groupBy(all, ({ address }) => countedAs(address)).values())
      if (its.length > most.length) most = its
    return most[0]
  }

  /** YS4 */
  #strange({ pages }: SocketRoute, origin: string | undefined): HeraldError | undefined {
    const open = pages === undefined && this.#origins.size === 0
    if (origin === undefined || open || this.#origins.has(EVERY_ORIGIN) || this.#origins.has(origin.toLowerCase()))
      return undefined
    return failure("OriginNotListed", `pages of ${excerpt(origin)} may open no WebSocket here`)
  }

  #wrong(route: SocketRoute, request: IncomingMessage): HeraldError | undefined {
    const { headers } = request
    if (headers[REQUEST] !== undefined)
      return failure("CannotWait", "what is said over a WebSocket is nothing that could wait for a second person") // AQ12
    const isNamed = namesIn(headers["sec-websocket-protocol"]).length > 0
    if (headers["sec-websocket-version"] !== "13" || !KEY.test(headers["sec-websocket-key"] ?? ""))
      return failure("InvalidInput", "that opens no WebSocket of version 13 (RFC 6455)")
    if (isNamed && spokenBy(route, request) === undefined)
      return failure(
        "InvalidInput",
        `this path speaks the subprotocol ${spoken(route).join(" or ")}, and none that the client named`
      )
    if (this.#leaving) return failure("Draining", "this server is leaving; come back to another")
    const { inAll } = this.#options
    return this.#open.size < inAll
      ? undefined
      : failure("ServerFull", `all ${inAll} WebSockets of this server are taken`)
  }
}

const accept = (key: string): string => createHash("sha1").update(`${key}${MAGIC}`).digest("base64")

const refuse = (response: ServerResponse, error: HeraldError): void => {
  const text = JSON.stringify(problemOf(error))
  response.writeHead(error.row.http, {
    "content-type": "application/problem+json",
    "content-length": Buffer.byteLength(text),
    connection: "close"
  })
  response.end(text)
}
