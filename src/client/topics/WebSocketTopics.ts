/**
 * Topics over a WebSocket, for browsers, and wherever gRPC does not get through. See docs/topics.md.
 *
 *   XB3  A token is in no URL: it is the first message of each socket.
 *   XB4  While a reader is held its socket grants no more bytes than it has: what waits in the browser is bounded, although nothing can keep it from reading.
 *   XB5  Each stream has a socket of its own, which ends with it.
 */
import type {
  ConsumeRequest,
  ConsumeResponse,
  OpenProducerRequest,
  PublishEventsRequest,
  PublishStreamRequest,
  PublishStreamResponse,
  ReadRequest,
  ReadResponse
} from "../../../proto/generated/herald/topics/v1/topics.ts"
import { Bearer } from "../Bearer.ts"
import { ClosedError, messageOf, OptionError } from "../ClientError.ts"
import { NotAnswered } from "../NotAnswered.ts"
import type { Token } from "../Options.ts"
import { bytesOf, systemClock } from "../Platform.ts"
import type { Call, CallEvents, Ended } from "../Transport.ts"
import type { TopicTransport } from "./TopicTransport.ts"
import { consumeOver } from "./WebConsuming.ts"
import {
  closedOf,
  endedOf,
  type Hearing,
  openedOf,
  problemOf,
  publishedOf,
  publishSaid,
  readOf,
  readSaid,
  type Said
} from "./WebJson.ts"

export interface WebSocketOptions {
  /** Such as https://herald.example.com; one, or those of the nodes of a cluster. */
  readonly address: string | ReadonlyArray<string>
  readonly token?: Token | undefined
  readonly tokenMillis?: number | undefined
}

const PATH = "/v1/topics/stream"
const PROTOCOL = "herald.topics.v1"
/** Bytes that a reader may be sent ahead. XB4 */
const AHEAD = 2_097_152
/** Bytes that may wait to be sent. */
const WAITING = 1_048_576
/** Bytes of batches that may be under way, as the server has it. */
const CREDIT = 8_388_608n
/** Milliseconds. */
const [ASK, TOKEN] = [30_000, 10_000]

const addressesOf = (address: string | ReadonlyArray<string>) => (typeof address === "string" ? [address] : address)

export const isOfHttp = (address: string | ReadonlyArray<string>): boolean =>
  addressesOf(address).length > 0 && addressesOf(address).every((one) => /^(https?|wss?):\/\//.test(one))

const failed = (message: string, status = 14): Ended => ({
  ...{ status, message, code: undefined, hopeless: false, reconnectAfterMillis: undefined }
})

/** A socket that has said hello. */
class Socket {
  readonly #socket: WebSocket
  readonly #leaving = new AbortController()
  readonly #forget: () => void
  #over = false

  /** `forget`: it is over, whoever ended it. */
  constructor(url: string, bearer: Bearer, tokenMillis: number, hearing: Hearing, forget: () => void) {
    this.#forget = forget
    this.#socket = new WebSocket(url, PROTOCOL)
    const end = (ended: Ended) => {
      if (this.#over) return
      this.drop()
      hearing.ended({ ...ended, message: bearer.without(ended.message) })
    }
    this.#socket.addEventListener("open", () => {
      const late = systemClock.after(tokenMillis, () =>
        this.#leaving.abort(new Error("the token function did not answer"))
      )
      bearer.header(this.#leaving.signal).then(
        (header) => {
          late()
          this.say({ type: "hello", token: header?.replace(/^Bearer /, "") ?? "" })
        },
        (error) => end(failed(messageOf(error), 16))
      )
    })
    this.#socket.addEventListener("message", ({ data }) => {
      if (this.#over) return
      const said = JSON.parse(String(data)) as Said
      if (said.type === "welcome") hearing.welcome()
      else hearing.said(said, bytesOf(String(data)))
    })
    this.#socket.addEventListener("error", () => {}) // `close` follows
    this.#socket.addEventListener("close", ({ code, reason }) => end(closedOf(code, reason)))
  }

  /** False: much waits to be sent. */
  say(message: unknown): boolean {
    if (this.#over || this.#socket.readyState !== 1) return false
    this.#socket.send(JSON.stringify(message))
    return this.#socket.bufferedAmount < WAITING
  }

  drop(): void {
    this.#over = true
    this.#forget()
    this.#leaving.abort(new ClosedError())
    if (this.#socket.readyState < 2) this.#socket.close()
  }
}

const goodbye = (socket: Socket) => async () => socket.drop()

export class WebSocketTopics implements TopicTransport {
  readonly zstd = undefined
  readonly #urls: ReadonlyArray<string>
  readonly #bearer: Bearer
  readonly #tokenMillis: number
  readonly #open = new Set<Socket>()
  #closed = false

  /** Throws `OptionError`. */
  constructor({ address, token, tokenMillis = TOKEN }: WebSocketOptions) {
    this.#urls = addressesOf(address).map((one) => {
      try {
        const url = new URL(one)
        if (url.search !== "" || url.hash !== "" || url.username !== "" || url.password !== "") throw new Error("more")
        return `${url.protocol.replace(/^http/, "ws")}//${url.host}${url.pathname.replace(/\/$/, "")}${PATH}`
      } catch {
        throw new OptionError(`address: ${one.slice(0, 100)} is no URL such as https://herald.example.com.`)
      }
    })
    this.#bearer = new Bearer(token)
    this.#tokenMillis = tokenMillis
  }

  read(attempt: number, first: ReadRequest, events: CallEvents<ReadResponse>): Call<ReadRequest> {
    let [received, granted, held] = [0, AHEAD, false]
    const grant = () => {
      if (held || received + AHEAD / 2 <= granted) return
      granted = received + AHEAD
      socket.say({ type: "grant", id: "r", granted })
    }
    const socket = this.#dial(attempt, {
      welcome: () => void socket.say(readSaid("r", first, granted)),
      said: (said, bytes) => {
        if (said.problem !== undefined) return this.#end(socket, events, endedOf(said.problem))
        const response = readOf(said)
        received += bytes
        if (response !== undefined) events.message(response)
        grant()
      },
      ended: events.ended
    })
    const hold = (wanted: boolean) => {
      held = wanted
      grant()
    }
    return { send: () => true, hold, drop: () => socket.drop(), finish: goodbye(socket) }
  }

  publishStream(attempt: number, events: CallEvents<PublishStreamResponse>): Call<PublishStreamRequest> {
    const waiting: Array<PublishStreamRequest> = []
    let welcome = false
    let room = true
    const say = ({ id, publish }: PublishStreamRequest) => (room = socket.say(publishSaid(String(id), publish!)))
    const socket = this.#dial(attempt, {
      welcome: () => {
        welcome = true
        for (const request of waiting.splice(0)) say(request)
        events.writable()
      },
      said: (said) => {
        const outcome: PublishStreamResponse["outcome"] =
          said.problem === undefined
            ? { $case: "published", value: publishedOf(said) }
            : { $case: "problem", value: problemOf(said.problem) }
        events.message({ id: BigInt(said.id), outcome, creditBytes: CREDIT })
        if (!room) events.writable()
      },
      ended: events.ended
    })
    const send = (request: PublishStreamRequest) => {
      if (welcome) return say(request)
      waiting.push(request)
      return false
    }
    return { send, hold: () => {}, drop: () => socket.drop(), finish: goodbye(socket) }
  }

  consume(attempt: number, first: ConsumeRequest, events: CallEvents<ConsumeResponse>): Call<ConsumeRequest> {
    return consumeOver((hearing) => this.#dial(attempt, hearing), first, events)
  }

  async openProducer(attempt: number, { topic, producerId: producer }: OpenProducerRequest) {
    return openedOf(await this.#ask(attempt, { type: "open", id: "q", topic, producer }))
  }

  async publish(attempt: number, request: PublishEventsRequest) {
    return publishedOf(await this.#ask(attempt, publishSaid("q", request)))
  }

  close(): void {
    this.#closed = true
    for (const socket of this.#open) socket.drop()
    this.#open.clear()
  }

  #end(socket: Socket, events: { readonly ended: (ended: Ended) => void }, ended: Ended): void {
    socket.drop()
    events.ended(ended)
  }

  /** XB5 */
  #dial(attempt: number, hearing: Hearing): Socket {
    if (this.#closed) throw new ClosedError()
    const url = this.#urls[attempt % this.#urls.length]!
    const forget = () => this.#open.delete(socket)
    const socket: Socket = new Socket(url, this.#bearer, this.#tokenMillis, hearing, forget)
    this.#open.add(socket)
    return socket
  }

  /** Rejects with `NotAnswered` or `ClosedError`. */
  #ask(attempt: number, message: unknown): Promise<Said> {
    return new Promise((resolve, reject) => {
      const refuse = (ended: Ended) => reject(new NotAnswered(ended))
      const late = systemClock.after(ASK, () => done(() => refuse(failed(`no answer came within ${ASK / 1_000} s`, 4))))
      const done = (tell: () => void) => {
        late()
        socket.drop()
        tell()
      }
      const socket = this.#dial(attempt, {
        welcome: () => void socket.say(message),
        said: (said) => done(() => (said.problem === undefined ? resolve(said) : refuse(endedOf(said.problem)))),
        ended: (ended) => done(() => refuse(ended))
      })
    })
  }
}
