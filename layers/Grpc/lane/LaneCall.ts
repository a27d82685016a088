/**
 * A gRPC call on a stream of the lane, as handlers have it.
 *
 *   GC4  Messages are heard one after the other, each when it was asked for, none while another is being handled.
 *   GC5  A call that fails (a message that is too long, packed, cut off or unreadable, a listener that throws, its deadline) is answered with
 *        its status, and its listener is told that it is over. Whoever listens hears that once.
 *   GC6  Bytes are given back to the client as they are read: whoever reads nothing gets no more than a window.
 */
import type { Certificate } from "../../../src/access/Certificates.ts"
import { Code } from "../../../src/edge/grpc/Code.ts"
import {
  BYTES,
  type CallListener,
  type CallStatus,
  type Fields,
  type Handler,
  type Peer,
  type ServerCall
} from "../../../src/edge/grpc/ServerCall.ts"
import { Code as Http2 } from "./Frames.ts"
import { PREFIX } from "./Framing.ts"
import { Messages, type Wrong } from "./Messages.ts"
import { Metadata } from "./Metadata.ts"
import { responseHeaders, trailers } from "./Replies.ts"
import type { Request } from "./Request.ts"
import type { TooMuch } from "./Sending.ts"
import type { Stream, StreamListener } from "./Stream.ts"

/** What a call knows of the socket that it came on. */
export interface Origin {
  readonly peer: Peer
  /** What the client's certificate says of it. */
  readonly certificate: () => Certificate | undefined
  readonly maxList: () => number
}

export interface LaneCallOptions {
  /** Bytes. */
  readonly maxReceive: number
  readonly maxSend: number
  /** Milliseconds that its client gives it. */
  readonly timeout: number | undefined
  /** Says how a call ended, when it is answered. */
  readonly onStatus: (code: number) => void
  /** Too much waits for this client to read: its call is reset. CC7 */
  readonly onUnsent: (which: TooMuch) => void
  /** Something threw that never should. */
  readonly onDefect: (error: unknown) => void
}

const UNITS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 }
/** Milliseconds that a timer may have. */
const LONGEST = 2 ** 31 - 1

/** Milliseconds; undefined: it is none. */
export const timeoutOf = (text: string): number | undefined => {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? []
  return unit === undefined ? undefined : Number(digits) * UNITS[unit]!
}

export class LaneCall implements ServerCall, StreamListener {
  readonly metadata: Metadata
  whenEnded: ServerCall["whenEnded"]
  readonly #stream: Stream
  readonly #request: Request
  readonly #origin: Origin
  readonly #options: LaneCallOptions
  readonly #messages: Messages
  #listener: CallListener | undefined
  #wants = false
  #heard = false
  #pushing = false
  #half = false
  #halfTold = false
  #begun = false
  #answered = false
  #over = false
  #deadline = Number.POSITIVE_INFINITY
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Bytes that came, still wait here, and were given back already. */
  #credited = 0

  constructor(stream: Stream, request: Request, origin: Origin, options: LaneCallOptions) {
    this.#stream = stream
    this.#request = request
    this.#origin = origin
    this.#options = options
    this.#messages = new Messages(options.maxReceive)
    this.metadata = Metadata.from(request.headers)
    stream.listener = this
    const { timeout } = options
    if (timeout === undefined) return
    this.#deadline = Date.now() + timeout
    this.#wait(timeout)
  }

  #wait(left: number): void {
    this.#timer =
      left > LONGEST
        ? setTimeout(() => this.#wait(left - LONGEST), LONGEST)
        : setTimeout(() => this.#fail(Code.DEADLINE_EXCEEDED, "Deadline exceeded"), left)
  }

  // What the stream says

  data(bytes: Buffer, start: number, end: number): boolean {
    if (this.#answered) {
      this.#stream.taken(end - start)
      return true
    }
    const completed = this.#messages.arrive(bytes, start, end)
    if (typeof completed !== "number") {
      this.#refuse(completed)
      return true
    }
    this.#push()
    return completed > 0
  }

  #refuse(wrong: Wrong) {
    switch (wrong) {
      case "too long":
        return this.#fail(
          Code.RESOURCE_EXHAUSTED,
          `Received message larger than max (${this.#options.maxReceive} bytes)`
        )
      case "packed":
        return this.#fail(Code.INTERNAL, "a message is compressed, and its call does not say how")
      case "no prefix":
        return this.#fail(Code.INTERNAL, "a message does not begin as one of gRPC does")
    }
  }

  ended() {
    this.#half = true
    // If it was the first, there is none: that is for the handler to say.
    if (this.#messages.isPartial && this.#heard) return this.#fail(Code.INTERNAL, "the last message was cut off") // GC5
    this.#push()
  }

  over(): void {
    clearTimeout(this.#timer)
    this.#over = true
    this.#answered = true
    const listener = this.#listener
    if (listener !== undefined) process.nextTick(() => listener.over()) // GC5
  }

  /** GC4 */
  #push(): void {
    if (this.#pushing || this.#listener === undefined) return
    this.#pushing = true
    try {
      while (this.#wants && !this.#answered) {
        const message = this.#messages.take()
        if (message !== undefined) {
          this.#wants = false
          this.#heard = true
          this.#give(PREFIX + message.length)
          this.#listener.message(message)
        } else if (this.#half) {
          if (this.#halfTold) return
          this.#halfTold = true
          this.#wants = false
          this.#listener.end()
        } else {
          // One that is larger than a window would never come whole. GC6
          this.#stream.taken(this.#messages.bytes - this.#credited)
          this.#credited = this.#messages.bytes
          return
        }
      }
    } catch (error) {
      this.#options.onDefect(error)
      this.#fail(Code.INTERNAL, FAULT)
    } finally {
      this.#pushing = false
    }
  }

  /** GC6 */
  #give(bytes: number): void {
    const before = Math.min(bytes, this.#credited)
    this.#credited -= before
    this.#stream.taken(bytes - before)
  }

  // What handlers say

  /** Gives it to its handler. */
  serve(handler: Handler): void {
    try {
      handler(this)
    } catch (error) {
      this.#options.onDefect(error)
      this.#fail(Code.INTERNAL, FAULT)
    }
  }

  hear(listener: CallListener): void {
    this.#listener = listener
    if (this.#over) process.nextTick(() => listener.over())
  }

  read(): void {
    if (this.#answered) return
    this.#wants = true
    this.#push()
  }

  begin(headers: Fields): void {
    if (this.#begun || this.#answered) return
    this.#begun = true
    this.#stream.respond(responseHeaders(this.#stream.id, headers))
  }

  send(message: Buffer): boolean {
    if (this.#answered) return false
    const { maxSend } = this.#options
    if (message.length > maxSend) {
      this.#fail(Code.RESOURCE_EXHAUSTED, `a message of ${message.length} bytes is larger than ${maxSend}`)
      return false
    }
    if (!this.#begun) this.begin(NONE)
    const tooMuch = this.#stream.send(message)
    if (tooMuch === undefined) return !this.#stream.full(BYTES) // G12
    this.#options.onUnsent(tooMuch)
    this.#stream.reset(Http2.ENHANCE_YOUR_CALM)
    return false
  }

  whenClear(then: () => void): void {
    this.#stream.whenClear(then)
  }

  end(status: CallStatus): void {
    if (this.#answered) return
    this.#answered = true
    clearTimeout(this.#timer)
    this.whenEnded?.(status)
    this.#options.onStatus(status.code)
    this.#stream.finish(trailers(this.#stream.id, status, this.#begun, this.#origin.maxList()))
  }

  #fail(code: number, details: string): void {
    this.end({ code, details })
  }

  get path(): string {
    return this.#request.path
  }

  get peer(): Peer {
    return this.#origin.peer
  }

  get deadline(): number {
    return this.#deadline
  }

  get host(): string {
    return this.#request.authority
  }

  certificate(): Certificate | undefined {
    return this.#origin.certificate()
  }
}

const NONE: Fields = {}
const FAULT = "this call met a fault of the server"
