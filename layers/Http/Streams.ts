/**
 * Limits what a connection of HTTP/2 may do at the HTTP door, and each request on it. What nghttp2 limits by itself: docs/security.md.
 *
 *   HT1  A connection begins a request within 10 s, and is closed when none was under way for 65 s, whatever else it sends.
 *   HT2  A request that is not whole after 60 s is answered with 408, and its stream ends.
 *   HT3  A connection that gives requests up, pings, sends SETTINGS, or goes on although its requests are refused, more often than `rates` says is
 *        closed with ENHANCE_YOUR_CALM. Those of exempt addresses, such as a proxy's, carry others' requests: the first and the last don't count.
 *   HT4  Whatever cuts a connection takes its socket within 2 s, also from a peer that reads nothing.
 *   HT5  When an answer is over before its request is whole, the client is told to send no more, and gets the answer.
 *   HT6  What was sent and given up still counts as unread (HS3–HS5), until the peer has answered a PING that came after it.
 *   HT7  A body that breaks off is never taken for a whole one, whoever broke it off.
 *   HT8  A connection that node:http2 or nghttp2 ends for what its client sent counts as refused, reason `protocol`.
 */
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2"
import type { Refuse } from "../../src/access/Refusals.ts"
import { RateLimits } from "../../src/limits/RateLimits.ts"
import { addressOf } from "../Sockets/Gate.ts"
import type { Reader, Unread } from "../Sockets/Unread.ts"
import { Request } from "./Request.ts"

/** What is taken of a socket. */
interface Wire {
  readonly destroyed: boolean
  readonly alpnProtocol?: string | false | null
  readonly remoteAddress?: string | undefined
  readonly destroy: () => unknown
  readonly once: (event: "close", done: () => void) => unknown
}

/** Milliseconds. */
export interface StreamTimes {
  /** HT1 */
  readonly first: number
  readonly idle: number
  /** HT2 */
  readonly whole: number
}

export const times: StreamTimes = { first: 10_000, idle: 65_000, whole: 60_000 }

/** HT3: so many at once, and then so many a second. */
const rates = {
  resets: { burst: 500, perSecond: 30 },
  pings: { burst: 20, perSecond: 2 },
  settings: { burst: 32, perSecond: 1 },
  refused: { burst: 100, perSecond: 10 }
} as const
type Rate = keyof typeof rates

/** Milliseconds. HT4 */
const LEAVING = 2_000
/** Bytes that a connection may leave unread before its next request. HS4 */
const BEFORE_NEXT = 8_388_608
/** Bytes that may be unconfirmed without a PING. HT6 */
const UNCONFIRMED = 65_536
/** RFC 9113 §7 */
const REFUSED_STREAM = 7
const ENHANCE_YOUR_CALM = 11

const ignore = () => {}

/** One connection. */
class Connection implements Reader {
  readonly session: ServerHttp2Session
  readonly address: string
  readonly requests = new Set<Request>()
  readonly #wire: Wire
  readonly #refuse: Refuse
  readonly #isExempt: boolean
  readonly #rates = new Map<Rate, RateLimits>()
  #begun = false
  #idleSince = performance.now()
  #leftAt: number | undefined
  /** Bytes of streams that are gone, which the peer may not have read. HT6 */
  #gone = 0
  #asking = false

  constructor(session: ServerHttp2Session, wire: Wire, isExempt: (address: string) => boolean, refuse: Refuse) {
    this.session = session
    this.#wire = wire
    this.address = addressOf(wire)
    this.#isExempt = isExempt(this.address)
    this.#refuse = refuse
    session.on("ping", () => this.count("pings"))
    session.on("remoteSettings", () => this.count("settings"))
  }

  add(request: Request): void {
    this.requests.add(request)
    this.#begun = true
  }

  remove(request: Request): void {
    this.requests.delete(request)
    this.#idleSince = performance.now()
    if (!request.wasAnswered) this.count("resets")
    this.#gone += request.mayBeUnread
    if (this.#gone >= UNCONFIRMED) this.#ask()
  }

  /** HT6 */
  #ask(): void {
    if (this.#asking || this.session.destroyed) return
    const before = this.#gone
    this.#asking = true
    this.session.ping((error) => {
      this.#asking = false
      if (error === null) this.#gone -= before
      if (error === null && this.#gone >= UNCONFIRMED) this.#ask()
    })
  }

  /** HT3 */
  count(rate: Rate): void {
    if (this.#isExempt && (rate === "resets" || rate === "refused")) return
    if (this.#leftAt !== undefined || this.session.destroyed) return
    let limits = this.#rates.get(rate)
    if (limits === undefined) this.#rates.set(rate, (limits = new RateLimits(rates[rate], 1)))
    if (limits.take("", performance.now()) === 0) return
    this.#refuse(rate, this.address)
    this.session.goaway(ENHANCE_YOUR_CALM)
    this.session.destroy()
    this.#leftAt = performance.now()
  }

  /** Milliseconds of a monotonic clock. HT1, HT2, HT4 */
  look(now: number, { first, idle, whole }: StreamTimes): void {
    if (this.session.closed || this.session.destroyed) this.#leftAt ??= now
    for (const request of this.requests) request.look(now, whole)
    if (this.requests.size > 0) return
    if (this.#leftAt !== undefined) {
      if (now - Math.max(this.#leftAt, this.#idleSince) >= LEAVING) this.destroy()
    } else if (now - this.#idleSince >= (this.#begun ? idle : first)) {
      this.session.close()
      this.#leftAt = now
    }
  }

  destroy(): void {
    this.session.destroy()
    this.#wire.destroy() // HT4: a session waits for its peer to read
  }

  readonly unread = () => (this.#wire.destroyed ? 0 : this.#gone)
  readonly kept = () => 0
  readonly taken = () => 0
  /** Everything that it has not read: on one connection all share the way. */
  readonly ahead = (): number => {
    let bytes = this.unread()
    for (const request of this.requests) bytes += request.unread()
    return bytes
  }

  readonly cut = (reason: string): boolean => {
    if (this.#wire.destroyed) return false
    this.#refuse(reason, this.address)
    this.destroy()
    return true
  }

  readonly refusal = (reason: string): void => this.#refuse(reason, this.address)

  /** Whether a request may begin. HS4 */
  admits(): boolean {
    if (this.ahead() <= BEFORE_NEXT) return true
    this.refusal("unread_of_connection")
    return false
  }
}

/** Errors with which node:http2 and nghttp2 end a connection for what its client sent, and not the client or the network. */
const own = new Set(["ERR_HTTP2_ERROR", "ERR_HTTP2_TOO_MANY_INVALID_FRAMES"])

export class Streams {
  readonly #unread: Unread
  readonly #isExempt: (address: string) => boolean
  readonly #refuse: Refuse
  readonly #times: StreamTimes
  readonly #all = new Map<ServerHttp2Session, Connection>()
  #wire: Wire | undefined

  constructor(unread: Unread, isExempt: (address: string) => boolean, refuse: Refuse, limits: StreamTimes = times) {
    this.#unread = unread
    this.#isExempt = isExempt
    this.#refuse = refuse
    this.#times = limits
  }

  /** The next session begins on this socket: node:http2 hides it, and it alone can be cut. HT4 */
  readonly secured = (wire: Wire): boolean => {
    this.#wire = wire.alpnProtocol === "h2" ? wire : undefined
    return true
  }

  readonly session = (session: ServerHttp2Session): boolean => {
    const wire = this.#wire
    if (wire === undefined) return false
    this.#wire = undefined
    const connection = new Connection(session, wire, this.#isExempt, this.#refuse)
    this.#all.set(session, connection)
    session.on("error", ({ code }: NodeJS.ErrnoException) => own.has(code ?? "") && connection.refusal("protocol")) // HT8
    // A stream that was reset before it was told of no longer knows its session.
    session.on("stream", (stream) => {
      if (stream.session === undefined) connection.count("resets")
    })
    this.#unread.add(connection)
    wire.once("close", () => {
      this.#all.delete(session)
      this.#unread.remove(connection)
    })
    return true
  }

  /** Whether this request may begin; if not, it is refused in a way that says that nothing was done. HS4 */
  readonly stream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders): boolean => {
    const connection = stream.session && this.#all.get(stream.session as ServerHttp2Session)
    if (connection === undefined || stream.destroyed) {
      stream.on("error", ignore) // nobody else listens to it
      return false
    }
    if (!connection.admits()) {
      stream.on("error", ignore)
      stream.close(REFUSED_STREAM)
      connection.count("refused")
      return false
    }
    const request = new Request(stream, headers[":method"] === "HEAD", connection)
    connection.add(request)
    this.#unread.add(request)
    stream.once("close", () => {
      connection.remove(request)
      this.#unread.remove(request)
    })
    this.#unread.lookInTime(performance.now())
    return true
  }

  /** Notes that a request was answered by a refusal. HT3 */
  refused(session: ServerHttp2Session | undefined): void {
    if (session !== undefined) this.#all.get(session)?.count("refused")
  }

  look(now: number): void {
    for (const connection of this.#all.values()) connection.look(now, this.#times)
  }

  /** Cuts all that are open. */
  destroy(): void {
    for (const connection of this.#all.values()) connection.destroy()
  }

  get size(): number {
    return this.#all.size
  }
}
