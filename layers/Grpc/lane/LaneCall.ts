/**
 * A gRPC call on a stream of the lane, as interceptors and handlers have it.
 *
 *   GC4  Messages are heard one after the other, each when it was asked for, none while another is being handled.
 *   GC5  A call that fails (a message that is too long, packed, cut off or unreadable, a listener that throws, its deadline) is answered with
 *        its status, and its listener is told that it is over. Whoever listens hears that once.
 *   GC6  Bytes are given back to the client as they are read: whoever reads nothing gets no more than a window.
 */
import type { CallListener, CallStatus, MethodDefinition, ServerCall } from "../../../src/edge/grpc/ServerCall.ts"
import { Code } from "./Frames.ts"
import { PREFIX } from "./Framing.ts"
import { Messages, type Wrong } from "./Messages.ts"
import { Metadata } from "./Metadata.ts"
import { responseHeaders, trailers } from "./Replies.ts"
import { type Request, valueOf } from "./Request.ts"
import type { Stream, StreamListener } from "./Stream.ts"

/** https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
export const Status = {
  CANCELLED: 1,
  UNKNOWN: 2,
  DEADLINE_EXCEEDED: 4,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13
} as const

/** What a call knows of the socket that it came on. */
export interface Origin {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
  /** Who the client's certificate says it is. */
  readonly auth: () => unknown
  readonly maxList: () => number
}

export interface LaneCallOptions {
  /** Bytes. */
  readonly maxReceive: number
  readonly maxSend: number
  /** Says how a call ended, when it is answered. */
  readonly onStatus: (code: number) => void
  /** Too much waits for this client to read: its call is reset. CC7 */
  readonly onUnsent: () => void
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
  readonly #stream: Stream
  readonly #request: Request
  readonly #method: MethodDefinition
  readonly #origin: Origin
  readonly #options: LaneCallOptions
  readonly #messages: Messages
  #listener: CallListener | undefined
  #wants = false
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

  constructor(stream: Stream, request: Request, method: MethodDefinition, origin: Origin, options: LaneCallOptions) {
    this.#stream = stream
    this.#request = request
    this.#method = method
    this.#origin = origin
    this.#options = options
    this.#messages = new Messages(options.maxReceive)
    this.metadata = Metadata.from(request.headers)
    stream.listener = this
    const text = valueOf(request.headers, "grpc-timeout")
    if (text !== undefined) this.#expect(text)
  }

  #expect(text: string): void {
    const timeout = timeoutOf(text)
    if (timeout === undefined)
      return void queueMicrotask(() => this.#fail(Status.INTERNAL, "the grpc-timeout of this call is none"))
    this.#deadline = Date.now() + timeout
    if (timeout > LONGEST) return
    this.#timer = setTimeout(() => this.#fail(Status.DEADLINE_EXCEEDED, "Deadline exceeded"), timeout)
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
          Status.RESOURCE_EXHAUSTED,
          `Received message larger than max (${this.#options.maxReceive} bytes)`
        )
      case "packed":
        return this.#fail(Status.INTERNAL, "a message is compressed, and its call does not say how")
      case "no prefix":
        return this.#fail(Status.INTERNAL, "a message does not begin as one of gRPC does")
    }
  }

  end() {
    this.#half = true
    // Of one that takes one message, it is the message that is missing.
    if (this.#messages.isPartial && this.#method.requestStream)
      return this.#fail(Status.INTERNAL, "the last message was cut off") // GC5
    this.#push()
  }

  over(): void {
    clearTimeout(this.#timer)
    this.#over = true
    this.#answered = true
    const listener = this.#listener
    if (listener !== undefined) process.nextTick(() => listener.onCancel()) // GC5
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
          this.#give(PREFIX + message.length)
          this.#listener.onReceiveMessage(this.#method.requestDeserialize(message) as never)
        } else if (this.#half) {
          if (this.#halfTold) return
          this.#halfTold = true
          this.#wants = false
          this.#listener.onReceiveHalfClose()
        } else {
          // One that is larger than a window would never come whole. GC6
          this.#stream.taken(this.#messages.bytes - this.#credited)
          this.#credited = this.#messages.bytes
          return
        }
      }
    } catch (error) {
      this.#options.onDefect(error)
      this.#fail(Status.INTERNAL, "this call met a fault of the server")
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

  start(listener: CallListener): void {
    if (this.#over) return
    this.#listener = listener
    listener.onReceiveMetadata(this.metadata as never)
  }

  startRead(): void {
    if (this.#answered) return
    this.#wants = true
    this.#push()
  }

  sendMetadata(metadata: Parameters<ServerCall["sendMetadata"]>[0]): void {
    if (this.#begun || this.#answered) return
    this.#begun = true
    this.#stream.respond(responseHeaders(this.#stream.id, metadata))
  }

  sendMessage(message: never, sent: () => void) {
    if (this.#answered) return
    let bytes: Buffer
    try {
      bytes = this.#method.responseSerialize(message)
    } catch (error) {
      this.#options.onDefect(error)
      return this.#fail(Status.INTERNAL, "the answer can't be written")
    }
    if (bytes.length > this.#options.maxSend)
      return this.#fail(
        Status.RESOURCE_EXHAUSTED,
        `Sent message larger than max (${bytes.length} vs. ${this.#options.maxSend})`
      )
    if (!this.#begun) this.sendMetadata(NONE)
    if (this.#stream.send(bytes)) this.#stream.whenClear(sent)
    else {
      this.#options.onUnsent()
      this.#stream.reset(Code.ENHANCE_YOUR_CALM)
    }
  }

  sendStatus(status: CallStatus): void {
    if (this.#answered) return
    this.#answered = true
    clearTimeout(this.#timer)
    this.#options.onStatus(status.code)
    this.#stream.finish(
      trailers(
        this.#stream.id,
        { ...status, code: status.code ?? Status.UNKNOWN, details: status.details ?? "" },
        this.#begun,
        this.#origin.maxList()
      )
    )
  }

  #fail(code: number, details: string): void {
    this.sendStatus({ code, details })
  }

  getPeer(): string {
    const { remoteAddress, remotePort } = this.#origin
    return remoteAddress === undefined ? "unknown" : `${remoteAddress}:${remotePort}`
  }

  getDeadline(): number {
    return this.#deadline
  }

  getHost(): string {
    return this.#request.authority
  }

  getConnectionInfo(): Omit<Origin, "auth" | "maxList"> {
    const { remoteAddress, remotePort, localAddress, localPort } = this.#origin
    return { remoteAddress, remotePort, localAddress, localPort }
  }

  getAuthContext(): unknown {
    return this.#origin.auth()
  }

  /** Nothing here is measured for load balancers. */
  getMetricsRecorder(): undefined {
    return undefined
  }
}

const NONE = new Metadata()
