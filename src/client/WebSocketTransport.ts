/**
 * The transport over a WebSocket, for browsers, and wherever gRPC does not get through. See docs/browsers.md.
 *
 *   XW3  Each stream has a socket of its own, with a token that was asked for then: it is the first message, in no URL. After `close` there is none.
 *   XW4  Reports go where the stream goes; without one they are not taken, and one that gets no answer in time is given up.
 *   XW5  What waits to be sent has a bound: who sends is told when there is room. What comes while the stream is held is kept up to a bound, then the
 *        stream is given up.
 */
import type {
  ConfigUpdate,
  ReportHealthRequest,
  SubscribeRequest
} from "../../proto/generated/herald/distribution/v1/distribution.ts"
import type { ReportRequest, ReportResponse } from "../../proto/generated/herald/reporting/v1/reporting.ts"
import { Bearer } from "./Bearer.ts"
import { ClosedError, messageOf, ReportError } from "./ClientError.ts"
import { errors } from "./Errors.ts"
import type { Token } from "./Options.ts"
import { systemClock } from "./Platform.ts"
import { endedOf, healthSaid, reportOf, reportSaid, type Said, subscribeSaid, updateOf } from "./StreamJson.ts"
import type { Ended, Stream, StreamEvents, Transport } from "./Transport.ts"
import { closedOf } from "./topics/WebJson.ts"

export interface WebSocketTransportOptions {
  /** Such as https://herald.example.com; one, or those of the nodes of a cluster. */
  readonly address: string | ReadonlyArray<string>
  readonly token?: Token | undefined
  /** Milliseconds that a token function may take. 10,000. */
  readonly tokenMillis?: number | undefined
}

const PATH = "/v1/stream"
const PROTOCOL = "herald.v1.json"
/** Bytes that may wait to be sent; characters that may wait while a stream is held. XW5 */
const [WAITING, HELD] = [1_048_576, 16_777_216] as const
/** Milliseconds. */
const [ASK, TOKEN, LOOK, GOODBYE] = [10_000, 10_000, 50, 500] as const

const failed = (message: string, status = 14): Ended => ({
  ...{ status, message, code: undefined, hopeless: false, reconnectAfterMillis: undefined }
})

interface Asked {
  readonly answer: (said: Said) => void
  readonly fail: (ended: Ended) => void
}

/** One socket with its stream. */
class WebStream implements Stream {
  readonly #socket: WebSocket
  readonly #events: StreamEvents
  readonly #bearer: Bearer
  readonly #asking = new AbortController()
  readonly #waiting: Array<SubscribeRequest>
  readonly #asked = new Map<number, Asked>()
  readonly #forget: () => void
  #ids = 0
  #isKnown = false
  #over = false
  #why: Ended | undefined
  #isHeld = false
  #kept: Array<ConfigUpdate> = []
  #keptSize = 0
  #look = () => {}
  #left = () => {}

  /** `forget`: it is over, whoever ended it. */
  constructor(
    url: string,
    bearer: Bearer,
    tokenMillis: number,
    first: SubscribeRequest,
    events: StreamEvents,
    forget: () => void
  ) {
    this.#bearer = bearer
    this.#events = events
    this.#forget = forget
    this.#waiting = [first]
    this.#socket = new WebSocket(url, PROTOCOL)
    this.#socket.addEventListener("open", () => this.#greet(tokenMillis))
    this.#socket.addEventListener("message", ({ data }) => this.#heard(String(data)))
    this.#socket.addEventListener("error", () => {}) // `close` follows
    this.#socket.addEventListener("close", ({ code, reason }) => {
      this.#left()
      this.#end(this.#why ?? closedOf(code, reason))
    })
  }

  send(request: SubscribeRequest): boolean {
    if (this.#over) return false
    if (!this.#isKnown) {
      this.#waiting.push(request)
      return false
    }
    this.#say({ subscribe: subscribeSaid(request) })
    const room = this.#socket.bufferedAmount < WAITING
    if (!room) this.#whenRoom()
    return room
  }

  hold(held: boolean): void {
    this.#isHeld = held
    if (held) return
    const kept = this.#kept
    this.#kept = []
    this.#keptSize = 0
    for (const update of kept) if (!this.#over) this.#events.message(update)
  }

  drop(): void {
    if (this.#over) return
    this.#leave(failed("the stream was left"))
    this.#socket.close()
  }

  async finish(): Promise<void> {
    if (this.#over || !this.#isKnown) return this.drop()
    this.#leave(failed("the stream was left"))
    await new Promise<void>((resolve) => {
      const late = systemClock.after(GOODBYE, resolve)
      this.#left = () => {
        late()
        resolve()
      }
      this.#socket.close(1_000)
    })
  }

  /** Rejects with what the stream ended by, or the problem. XW4 */
  ask(said: Said | { readonly health: unknown } | { readonly report: unknown }): Promise<Said> {
    return new Promise((resolve, reject) => {
      if (this.#over || !this.#isKnown) return reject(failed("the client is not connected"))
      const id = ++this.#ids
      const done =
        <A>(settle: (value: A) => void) =>
        (value: A) => {
          late()
          this.#asked.delete(id)
          settle(value)
        }
      const late = systemClock.after(ASK, () => done(reject)(failed(`no answer in ${ASK} ms`, 4)))
      this.#asked.set(id, { answer: done(resolve), fail: done(reject) })
      this.#say({ id, ...said })
    })
  }

  #greet(tokenMillis: number): void {
    const late = systemClock.after(tokenMillis, () =>
      this.#asking.abort(new Error(`the token function did not answer in ${tokenMillis} ms`))
    )
    this.#bearer
      .header(this.#asking.signal)
      .then(
        (header) => this.#over || this.#say({ hello: { token: header?.replace(/^Bearer /, "") ?? "" } }),
        (error) => {
          this.#end(failed(messageOf(error)))
          this.#socket.close()
        }
      )
      .finally(late)
  }

  #heard(text: string): void {
    if (this.#over) return
    let said: Said
    try {
      said = JSON.parse(text)
    } catch {
      this.#giveUp("what came is no message of Herald")
      return
    }
    const { id = 0 } = said
    if (said.update !== undefined) this.#update(updateOf(said.update), text.length)
    else if (said.welcome !== undefined) this.#known()
    else if (id !== 0 && said.problem !== undefined) this.#asked.get(id)?.fail(endedOf(said.problem))
    else if (id !== 0) this.#asked.get(id)?.answer(said)
    else if (said.problem !== undefined) this.#why = endedOf(said.problem) // its close follows
  }

  #update(update: ConfigUpdate, size: number): void {
    if (this.#isHeld) {
      this.#kept.push(update)
      this.#keptSize += size
      if (this.#keptSize > HELD) this.#giveUp("more came than is kept while nothing is taken")
    } else this.#events.message(update)
  }

  #giveUp(why: string): void {
    this.#end(failed(why))
    this.#socket.close()
  }

  #known(): void {
    this.#isKnown = true
    for (const request of this.#waiting.splice(0)) this.#say({ subscribe: subscribeSaid(request) })
    this.#whenRoom()
  }

  /** A socket doesn't tell when there is room. */
  #whenRoom(): void {
    this.#look()
    if (this.#over) return
    if (this.#socket.bufferedAmount < WAITING) this.#events.writable()
    else this.#look = systemClock.after(LOOK, () => this.#whenRoom())
  }

  #say(message: unknown): void {
    if (this.#socket.readyState === 1) this.#socket.send(JSON.stringify(message))
  }

  #leave(why: Ended): void {
    this.#over = true
    this.#look()
    this.#asking.abort(new ClosedError())
    for (const { fail } of [...this.#asked.values()]) fail(why)
    this.#kept = []
    this.#forget()
  }

  #end(ended: Ended): void {
    if (this.#over) return
    this.#leave(ended)
    this.#events.ended({ ...ended, message: this.#bearer.without(ended.message) })
  }
}

export class WebSocketTransport implements Transport {
  readonly #urls: ReadonlyArray<string>
  readonly #bearer: Bearer
  readonly #tokenMillis: number
  #attempt = Math.floor(systemClock.random() * 1_024)
  #stream: WebStream | undefined
  #closed = false

  constructor({ address, token, tokenMillis = TOKEN }: WebSocketTransportOptions) {
    const all = typeof address === "string" ? [address] : address
    this.#urls = all.map((one) => {
      const { protocol, host, pathname } = new URL(one)
      return `${protocol.replace(/^http/, "ws")}//${host}${pathname.replace(/\/$/, "")}${PATH}`
    })
    this.#bearer = new Bearer(token)
    this.#tokenMillis = tokenMillis
  }

  open(first: SubscribeRequest, events: StreamEvents): Stream {
    const url = this.#urls[this.#attempt++ % this.#urls.length]!
    const forget = () => {
      if (this.#stream === stream) this.#stream = undefined
    }
    const stream: WebStream = new WebStream(url, this.#bearer, this.#tokenMillis, first, events, forget)
    this.#stream = stream
    return stream
  }

  async reportHealth(request: ReportHealthRequest): Promise<boolean> {
    const { health } = await this.#ask("the health report", { health: healthSaid(request) })
    return health?.accepted === true
  }

  async report(request: ReportRequest): Promise<ReportResponse> {
    return reportOf((await this.#ask("the report on flags", { report: reportSaid(request) })).report ?? {})
  }

  close(): void {
    this.#closed = true
    this.#stream?.drop()
  }

  /** Rejects with `ReportError` or `ClosedError`. */
  async #ask(what: string, said: { readonly health: unknown } | { readonly report: unknown }): Promise<Said> {
    if (this.#closed) throw new ClosedError()
    try {
      if (this.#stream === undefined) throw failed("the client is not connected")
      return await this.#stream.ask(said)
    } catch (ended) {
      if (this.#closed) throw new ClosedError()
      const { code, message, status } = ended as Ended
      const text = `${what} was not taken: ${message}. Report again when the client is live.`
      throw new ReportError(code ?? errors.NotConnected.code, text, code === undefined ? undefined : status)
    }
  }
}
