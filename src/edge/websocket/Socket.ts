/**
 * Port: a connection of a WebSocket (RFC 6455), as those have it who serve one. Frames, pings and what a peer may not do are below it.
 *
 *   YS1  Messages are heard one after the other, each when it was asked for: who is not asked sends against a closed window.
 *   YS2  Who sends is told when too much waits, and those who wait are told in turn when there is room.
 *   YS3  Until it is said who is there a message has at most `FIRST_BYTES`; of those who are known no principal has more than its share of all, and few of an
 *        address are unknown at a time: beside a principal's share and those there are places for others, and who says nothing for a second makes room
 *        for who comes, the oldest of the address with most of those; not for an address that has all that it may have. A wrong token counts against its address.
 *   YS4  A page of an origin that is not listed opens no socket of a route that asks for it, nor of any where a list is given: it is refused before
 *        anything else is done for it. Who sends no `Origin` is no page.
 */
import { Context } from "effect"
import type { Certificate } from "../../access/Certificates.ts"
import type { HeraldError } from "../../errors/HeraldError.ts"

/** Bytes of a message of whom nobody knows yet: a token, and what is around it. YS3 */
export const FIRST_BYTES = 8_448

export interface SocketListener {
  /** A whole message; its bytes are well-formed UTF-8, unless the socket is binary. */
  readonly message: (text: Buffer) => void
  /** The server leaves: who serves it ends it, or it is cut. */
  readonly leaving: () => void
  /** The connection is over, whoever ended it; once, and nothing after it. */
  readonly over: () => void
}

export interface Socket {
  /** Such as `127.0.0.1`, or `unknown`. */
  readonly address: string
  /** The client chose the route's subprotocol whose messages are binary: all of them are, in both directions. */
  readonly isBinary: boolean
  /** Headers of the request that opened it. Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /** What its client's certificate says of it, where TLS checked one. */
  readonly certificate: Certificate | undefined
  /** Who is there: from now on messages may be as large as the route says. An error: all that this principal may have are taken. YS3 */
  readonly signedIn: (principal: string) => HeraldError | undefined
  /** The token that was shown is none. YS3 */
  readonly wrongToken: () => void
  /** From now on this one is told. Of a socket that is over it hears so, in another turn. */
  readonly hear: (listener: SocketListener) => void
  /** Asks for one message. YS1 */
  readonly read: () => void
  /** Sends the frames of one message, into whose bytes nobody may write from now on. False: too much waits now, or it is over. YS2 */
  readonly send: (...frames: ReadonlyArray<Uint8Array>) => boolean
  /** Whether more may be sent now. */
  readonly isClear: boolean
  /** Calls back once, never within this call, in the order in which was asked; perhaps never when the socket is over. YS2 */
  readonly whenClear: (then: () => void) => void
  /** Says goodbye after all that was sent, and ends. `code`: 1000 to 4999. Nothing, when it is over. */
  readonly close: (code: number, reason: string) => void
}

/** What is served at a path. */
export interface SocketRoute {
  /** Such as `/v1/topics/stream`. */
  readonly path: string
  /** What a client that names subprotocols has to name; who names none speaks it, too. */
  readonly protocol: string
  /** Another subprotocol that it speaks, by binary messages. */
  readonly binary?: string
  /** Only pages of the origins that are listed open it; where they are not given, pages of no origin. YS4 */
  readonly pages?: "listed"
  /** Bytes of the largest message that is taken. */
  readonly largest: number
  readonly open: (socket: Socket) => void
}

/** Port: the door, which may take WebSockets. */
export const SocketDoor = Context.Reference<{ readonly serve: (routes: ReadonlyArray<SocketRoute>) => void }>(
  "herald/edge/websocket/SocketDoor",
  { defaultValue: () => ({ serve: () => {} }) }
)

/** Codes of a close: RFC 6455 §7.4.1. An error of the catalogue closes with 4000 and its HTTP status. */
export const CLOSE = {
  normal: 1000,
  protocol: 1002,
  notText: 1003,
  noUtf8: 1007,
  refused: 1008,
  tooLarge: 1009
} as const

/** Ends a socket for an error: its code says which kind, its reason begins with the code of the catalogue. */
export const closeFor = (socket: Socket, error: HeraldError): void =>
  socket.close(4_000 + error.row.http, `${error.code}: ${error.message}`)
