/**
 * Limits what an HTTP/2 connection of the gRPC door may do before anything of it is decoded.
 *
 *   D2  A peer that pings more often than `minPingInterval` allows loses its connection (GOAWAY ENHANCE_YOUR_CALM).
 *   D3  Compressed requests are refused unread, so that a message is never larger than it arrives.
 *   D4  A call that was answered is over, whatever its client goes on sending, and even if it reads nothing of the answer.
 *   D5  A peer whose calls are refused again and again, for want of a right token or before one is asked for, loses its connection.
 *       Connections from exempt addresses, such as a proxy's, carry others' calls and stay.
 *   D6  Calls that wait for their turn to begin are limited in number, of one address and in all. Any beyond are refused unread, in a way
 *       that says "try again"; a connection that goes on regardless is closed.
 */

import type { EventEmitter } from "node:events"
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2"
import type { Socket } from "node:net"
import { status } from "@grpc/grpc-js"
import { Places } from "../../src/access/Places.ts"
import type { Refuse } from "../../src/access/Refusals.ts"
import { countedAs } from "../../src/net/Address.ts"
import { addressOf, connections, exempting, type GateOptions, gate } from "../Sockets/Gate.ts"

/** D2: pings a peer may send in a window; acks of our own pings do not count. */
const PINGS = 20
/** D5: calls from unknown callers on one connection that may be refused in a window. */
const STRANGERS = 500
/** D6: calls that may wait for their turn, beside one for each connection that there may be. */
export const WAITING: readonly [inAll: number, ofAddress: number] = [1_000, 500]
/** D6: calls of one connection that may be refused unread in a window. */
const REFUSED = 100
/** Milliseconds. */
const WINDOW = 10_000
/** D4 */
const ending: Ending = { answered: 1_000, unread: 5_000 }

const ignore = () => {}

/** Counts an event of a connection, and closes the connection when there are more than `most` in a window. D2, D5, D6 */
const atMost = (most: number, session: ServerHttp2Session, refuse: () => void) => {
  let count = 0
  let since = performance.now()
  return () => {
    const now = performance.now()
    if (now - since > WINDOW) {
      since = now
      count = 0
    }
    if (++count <= most || session.destroyed) return
    refuse()
    session.goaway(11 /* ENHANCE_YOUR_CALM, RFC 9113 §7 */)
    session.destroy()
  }
}

/** D2 */
const watchPings = (refuse: Refuse) => (session: ServerHttp2Session) => {
  session.on(
    "ping",
    atMost(PINGS, session, () => refuse("pings"))
  )
}

interface Peer {
  /** Undefined: exempt. */
  readonly address: string | undefined
  /** Counts a refused call from an unknown caller (D5), and one refused unread (D6). */
  readonly stranger: () => void
  readonly unread: () => void
}

type PeerOf = (stream: ServerHttp2Stream) => Peer | undefined

/** Which statuses go to unknown callers: those of a service that asks for a token, and of one that does not. */
export const unknown = (said: number) =>
  said === status.UNAUTHENTICATED || said === status.UNIMPLEMENTED || Number.isNaN(said /* no gRPC at all */)
export const other = (said: number) => said !== status.OK

/** Milliseconds that the client of an answered call has to end its side, and to read the answer. D4 */
export interface Ending {
  readonly answered: number
  readonly unread: number
}

export interface GuardOptions extends GateOptions {
  readonly ending?: Ending | undefined
  /** The services that ask for a token, by name. */
  readonly services: ReadonlyArray<string>
}

const watchPeers = ({ exempt: exempted, services }: GuardOptions, refuse: Refuse) => {
  const isExempt = exempting(exempted)
  const peers = new WeakMap<ServerHttp2Session, Peer>()
  const peerOf: PeerOf = ({ session }) => session && peers.get(session as ServerHttp2Session)
  return {
    peerOf,
    session: (session: ServerHttp2Session) => {
      const address = addressOf(session.socket)
      const stranger = atMost(STRANGERS, session, () => refuse("strangers", address))
      const unread = atMost(REFUSED, session, () => refuse("strangers", address))
      const exempt = { address: undefined, stranger: ignore, unread: ignore }
      peers.set(session, isExempt(address) ? exempt : { address, stranger, unread })
    },
    stream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      const peer = peerOf(stream)
      if (peer?.address === undefined) return
      const asksForToken = services.some((name) => headers[":path"]?.startsWith(`/${name}/`))
      const answers = asksForToken ? unknown : other
      stream.once("finish", () => {
        const said = stream.sentTrailers?.["grpc-status"] ?? stream.sentHeaders?.["grpc-status"]
        if (answers(Number(said))) peer.stranger()
      })
    }
  }
}

type Waiting = (stream: ServerHttp2Stream) => (() => void) | undefined

/** Gives a call a place to wait for its turn, or refuses it. D6 */
const makeWaiting = ({ maxConnections, perAddress }: GateOptions, peerOf: PeerOf, refuse: Refuse): Waiting => {
  const [inAll, ofAddress] = WAITING
  const places = new Places([maxConnections + inAll, perAddress + ofAddress])
  return (stream) => {
    const peer = peerOf(stream)
    const place = places.take("", peer?.address && countedAs(peer.address))
    if (typeof place !== "number") return place
    refuse(place === 0 ? "waiting" : "waiting_of_address", peer?.address)
    stream.close(7 /* REFUSED_STREAM, RFC 9113 §7 */)
    peer?.unread()
    peer?.stranger()
    return undefined
  }
}

type EndAnswered = (stream: ServerHttp2Stream) => void

/** D4 */
const endAnswered =
  ({ answered, unread }: Ending): EndAnswered =>
  (stream) => {
    const closeIn = (millis: number, code: number) => {
      const timer = setTimeout(() => stream.closed || stream.close(code), millis)
      timer.unref()
      stream.once("close", () => clearTimeout(timer))
    }
    stream.once("finish", () => closeIn(answered, 0 /* NO_ERROR */))
    // While its client reads nothing, no event tells that a stream was ended, and what waits in it is as large as the client likes.
    const end = stream.end.bind(stream) as (...args: ReadonlyArray<unknown>) => ServerHttp2Stream
    stream.end = (...args: ReadonlyArray<unknown>) => {
      closeIn(unread, 11 /* ENHANCE_YOUR_CALM */)
      return end(...args)
    }
  }

/** D3 */
const unpacked =
  (peerOf: PeerOf, refuse: Refuse, end: EndAnswered) => (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const encoding = headers["grpc-encoding"]
    if (encoding === undefined || encoding === "identity") return true
    refuse("compression")
    stream.on("error", () => {})
    end(stream)
    stream.respond(
      {
        ":status": 200,
        "content-type": "application/grpc+proto",
        "grpc-status": String(status.UNIMPLEMENTED),
        "grpc-message": "compressed requests are not taken; send them as they are (grpc-encoding: identity)",
        "grpc-accept-encoding": "identity"
      },
      { endStream: true }
    )
    peerOf(stream)?.stranger()
    return false
  }

type Soon = (begin: () => void) => void

/** G11: an admitted connection or call begins in its turn, if it is still there by then. */
const inTurn = (server: EventEmitter, soon: Soon, waiting: Waiting): void => {
  const emit = server.emit.bind(server)
  server.emit = (event: string | symbol, ...args: Array<unknown>) => {
    if (event !== "connection" && event !== "stream") return emit(event, ...args)
    const [who] = args as [Socket | ServerHttp2Stream]
    who.on("error", ignore) // nobody else listens to it yet
    const place = event === "stream" ? waiting(who as ServerHttp2Stream) : ignore
    if (place === undefined) return true
    soon(() => {
      place()
      if (who.destroyed) return
      who.off("error", ignore)
      emit(event, ...args)
    })
    return true
  }
}

/**
 * Puts itself before everything else that reaches this server. `soon`: takes a step now, or in a later turn of the event loop when many come
 * at once.
 */
export const guard = (server: EventEmitter, options: GuardOptions, refuse: Refuse, soon: Soon): void => {
  server.on("session", watchPings(refuse))
  const end = endAnswered(options.ending ?? ending)
  server.on("stream", end)
  const peers = watchPeers(options, refuse)
  server.on("session", peers.session)
  server.on("stream", peers.stream)
  inTurn(server, soon, makeWaiting(options, peers.peerOf, refuse))
  gate(server, { connection: connections(options, refuse), stream: unpacked(peers.peerOf, refuse, end) })
}
