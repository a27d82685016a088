/**
 * What an HTTP/2 connection of the gRPC door may do before any of it is decoded.
 *
 *   D2  A peer that pings more often than `minPingInterval` allows loses its connection (GOAWAY ENHANCE_YOUR_CALM).
 *   D3  Compressed requests are refused unread, so that a message is never larger than it arrives.
 *   D4  A call that was answered is over, whatever its client goes on sending, and though it reads nothing of the answer.
 *   D5  A peer that goes on calling with no token, or a wrong one, loses its connection: more are refused than it could mean. Those of
 *       exempt addresses, such as a proxy's, carry others' calls and stay.
 */
import type { EventEmitter } from "node:events"
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2"
import type { Socket } from "node:net"
import { status } from "@grpc/grpc-js"
import type { Refuse } from "../../src/access/Refusals.ts"
import { addressOf, connections, exempting, type GateOptions, gate } from "../Gate.ts"

/** D2: pings a peer may send in a window; acks of our own pings do not count. */
const PINGS = 20
/** D5: calls of one connection that may be refused in a window, because nobody knows who makes them. */
const STRANGERS = 500
/** Milliseconds. */
const WINDOW = 10_000
const AFTER_ANSWER = 1_000
const UNREAD = 5_000

/** Counts what happens to a connection; it is closed at what comes beyond `most` in a window. D2, D5 */
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

/** D5 */
const watchStrangers = (isExempt: (address: string) => boolean, refuse: Refuse) => {
  const strangers = new WeakMap<ServerHttp2Session, () => void>()
  return {
    session: (session: ServerHttp2Session) => {
      const address = addressOf(session.socket)
      if (!isExempt(address))
        strangers.set(
          session,
          atMost(STRANGERS, session, () => refuse("strangers", address))
        )
    },
    stream: (stream: ServerHttp2Stream) => {
      const counted = stream.session === undefined ? undefined : strangers.get(stream.session as ServerHttp2Session)
      if (counted === undefined) return
      stream.once("finish", () => {
        const said = stream.sentTrailers?.["grpc-status"] ?? stream.sentHeaders?.["grpc-status"]
        if (String(said) === String(status.UNAUTHENTICATED)) counted()
      })
    }
  }
}

/** D4 */
const endAnswered = (stream: ServerHttp2Stream) => {
  const closeIn = (millis: number, code: number) => {
    const timer = setTimeout(() => stream.closed || stream.close(code), millis)
    timer.unref()
    stream.once("close", () => clearTimeout(timer))
  }
  stream.once("finish", () => closeIn(AFTER_ANSWER, 0 /* NO_ERROR */))
  // Nothing tells that a stream was ended while its client reads nothing, and what waits in it is as large as the client likes.
  const end = stream.end.bind(stream) as (...args: ReadonlyArray<unknown>) => ServerHttp2Stream
  stream.end = (...args: ReadonlyArray<unknown>) => {
    closeIn(UNREAD, 11 /* ENHANCE_YOUR_CALM */)
    return end(...args)
  }
}

/** D3 */
const unpacked = (refuse: Refuse) => (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
  const encoding = headers["grpc-encoding"]
  if (encoding === undefined || encoding === "identity") return true
  refuse("compression")
  stream.on("error", () => {})
  endAnswered(stream)
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
  return false
}

const ignore = () => {}

/** G11: who was admitted begins in its turn, if it is still there by then. */
const inTurn = (server: EventEmitter, soon: (begin: () => void) => void): void => {
  const emit = server.emit.bind(server)
  server.emit = (event: string | symbol, ...args: Array<unknown>) => {
    if (event !== "connection" && event !== "stream") return emit(event, ...args)
    const [who] = args as [Socket | ServerHttp2Stream]
    who.on("error", ignore) // nobody else listens to it yet
    soon(() => {
      if (who.destroyed) return
      who.off("error", ignore)
      emit(event, ...args)
    })
    return true
  }
}

/**
 * Everything that reaches this server goes through here first. `soon`: takes a step now, or in a later turn of the event loop when many
 * come at once.
 */
export const guard = (
  server: EventEmitter,
  options: GateOptions,
  refuse: Refuse,
  soon: (begin: () => void) => void
): void => {
  server.on("session", watchPings(refuse))
  server.on("stream", endAnswered)
  const strangers = watchStrangers(exempting(options.exempt), refuse)
  server.on("session", strangers.session)
  server.on("stream", strangers.stream)
  inTurn(server, soon)
  gate(server, { connection: connections(options, refuse), stream: unpacked(refuse) })
}
