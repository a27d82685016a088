/**
 * A call of Connect or gRPC-Web, as handlers have it. The library (@connectrpc/connect) reads and writes what the protocols have around
 * messages, and JSON; messages are bytes on both sides of this.
 *
 *   CJ1  Nothing of a call's body is read, unpacked or decoded before its handler asks for it: when its caller is known. G5
 *   CJ2  A stream that ends with an error says so in its last message, and every call ends once, whoever ended it. FP4
 *   CJ7  An answer that its handler gives as JSON is sent as it is.
 *   CJ3  One message of a stream waits in the transport, and no more than `BYTES` of them here, before whoever sends is told to wait. G12
 */

import { Code, ConnectError } from "@connectrpc/connect"
import type { Certificate } from "../../../src/access/Certificates.ts"
import {
  BYTES,
  type CallListener,
  type CallMetadata,
  type CallStatus,
  type Fields,
  type Handler,
  type Peer,
  type ServerCall
} from "../../../src/edge/grpc/ServerCall.ts"
import { MAX_SEND } from "../MaxSend.ts"

/** What the library gives of a call, as it begins. */
export interface Context {
  readonly protocolName: string
  readonly signal: AbortSignal
  readonly timeoutMs: () => number | undefined
  readonly requestHeader: Headers
  readonly responseHeader: Headers
}

/** What a call has from its connection. */
export interface Origin {
  readonly peer: Peer
  readonly host: string
  readonly certificate: () => Certificate | undefined
  /** Calls back when it is the call's turn to begin; false: too many wait. D6 */
  readonly admit: (begin: () => void) => boolean
  /** Something threw that never should. */
  readonly onDefect: (error: unknown) => void
  /** How it ended. */
  readonly onStatus: (code: number) => void
}

const isPacked = (name: string): boolean => name.endsWith("-bin")

/** Headers of HTTP as metadata; a name that came several times is one value. */
class Metadata implements CallMetadata {
  readonly #headers: Headers

  constructor(headers: Headers) {
    this.#headers = headers
  }
  get(name: string): ReadonlyArray<string | Buffer> {
    const value = this.#headers.get(name)
    if (value === null) return []
    return isPacked(name.toLowerCase()) ? value.split(",").map((one) => Buffer.from(one, "base64")) : [value]
  }
  getMap(): Readonly<Record<string, string | Buffer>> {
    return Object.fromEntries([...this.#headers.keys()].map((name) => [name, this.get(name)[0]!]))
  }
}

const errorOf = ({ code, details, trailers = {} }: CallStatus): ConnectError => {
  const metadata = new Headers()
  for (const [name, value] of Object.entries(trailers))
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) metadata.append(name, String(one))
  return new ConnectError(details, code, metadata) // the codes of both are the same
}

/** Of one message, without an envelope. */
const JSON_ALONE = /^application\/json *(;|$)/i
const NOTHING = Buffer.alloc(0)

const GONE: CallStatus = { code: Code.Canceled, details: "its client is gone" }
const FAULT: CallStatus = { code: Code.Internal, details: "a fault of the server" }
const LATE: CallStatus = { code: Code.DeadlineExceeded, details: "Deadline exceeded" }

export class ConnectCall implements ServerCall {
  readonly path: string
  readonly metadata: CallMetadata
  readonly deadline: number
  whenEnded: ServerCall["whenEnded"]
  readonly sendJson: ServerCall["sendJson"]
  /** Its answer, if it was given as JSON. */
  text: Buffer | undefined
  readonly #origin: Origin
  readonly #context: Context
  /** Resolves when its handler wants to read. */
  readonly #asked = Promise.withResolvers<void>()
  #listener: CallListener | undefined
  #wants = false
  #pushing = false
  #message: Buffer | undefined
  #isWhole = false
  #halfTold = false
  #status: CallStatus | undefined
  #isOver = false
  /** What was sent and is not with the transport yet, and its bytes. CJ3 */
  readonly #queue: Array<Buffer> = []
  #bytes = 0
  #wake: (() => void) | undefined
  #then: (() => void) | undefined

  constructor(path: string, context: Context, origin: Origin) {
    this.path = path
    this.#context = context
    this.#origin = origin
    this.metadata = new Metadata(context.requestHeader)
    if (JSON_ALONE.test(context.requestHeader.get("content-type") ?? "")) this.sendJson = (text) => this.#sendJson(text)
    const timeout = context.timeoutMs()
    this.deadline = timeout === undefined ? Number.POSITIVE_INFINITY : Date.now() + timeout
    this.#asked.promise.catch(() => {}) // whoever begins it hears of it
    context.signal.addEventListener("abort", () => this.#over(), { once: true })
  }

  get peer(): Peer {
    return this.#origin.peer
  }
  get host(): string {
    return this.#origin.host
  }
  get system(): string | undefined {
    return this.#context.protocolName === "connect" ? "connectrpc" : undefined
  }
  certificate(): Certificate | undefined {
    return this.#origin.certificate()
  }

  // What the library does

  /** Gives it to its handler. Rejects with the error that ends it, if that comes before its handler wants to read. CJ1 */
  serve(handler: Handler): Promise<void> {
    const isTaken = this.#origin.admit(() => {
      if (!this.#isOver) this.#guarded(() => handler(this))
    })
    if (!isTaken) this.end({ code: Code.Unavailable, details: "too many calls wait for their turn; try again" })
    return this.#asked.promise
  }

  /** The one message of its request, and what is sent in answer to it, each as it may be written. */
  async *answers(message: Buffer): AsyncGenerator<Buffer> {
    this.#message = message
    this.#isWhole = true
    this.#push()
    for (;;) {
      const next = this.#queue.shift()
      if (next !== undefined) {
        yield next
        this.#bytes -= next.length
      } else if (this.#status === undefined) {
        this.#tellClear()
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      } else if (this.#status.code === 0) return
      else throw errorOf(this.#status) // CJ2
    }
  }

  /** Of a call that has one answer. */
  async answer(message: Buffer): Promise<Buffer> {
    let only: Buffer | undefined
    for await (const one of this.answers(message)) only = one
    if (only === undefined) throw new ConnectError("this call was not answered", Code.Internal)
    return only
  }

  /** The library is done with it, or its client is gone, or its time is over. CJ2 */
  #over(): void {
    if (this.#isOver) return
    const { reason } = this.#context.signal
    this.end(reason instanceof ConnectError && reason.code === Code.DeadlineExceeded ? LATE : GONE)
    this.#isOver = true
    this.#queue.length = 0
    const listener = this.#listener
    if (listener !== undefined) process.nextTick(() => listener.over())
  }

  /** G13 */
  #push(): void {
    if (this.#pushing) return
    this.#pushing = true
    while (this.#wants && this.#isWhole && this.#status === undefined && !this.#halfTold) {
      const message = this.#message
      this.#wants = false
      this.#message = undefined
      this.#halfTold = message === undefined
      this.#guarded(() => (message === undefined ? this.#listener?.end() : this.#listener?.message(message)))
    }
    this.#pushing = false
  }

  #guarded(step: () => void): void {
    try {
      step()
    } catch (error) {
      this.#origin.onDefect(error)
      this.end(FAULT)
    }
  }

  #tellClear(): void {
    const then = this.#then
    this.#then = undefined
    then?.()
  }

  // What handlers do

  hear(listener: CallListener): void {
    this.#listener = listener
    if (this.#isOver) process.nextTick(() => listener.over())
  }

  read(): void {
    this.#wants = true
    this.#asked.resolve()
    this.#push()
  }

  begin(headers: Fields): void {
    for (const [name, value] of Object.entries(headers))
      for (const one of Array.isArray(value) ? value : [value])
        if (one !== undefined) this.#context.responseHeader.append(name, String(one))
  }

  /** CJ3 */
  send(message: Buffer): boolean {
    if (this.#status !== undefined) return false
    if (message.length > MAX_SEND) {
      const details = `a message of ${message.length} bytes is larger than ${MAX_SEND}`
      this.end({ code: Code.ResourceExhausted, details })
      return false
    }
    this.#queue.push(message)
    this.#bytes += message.length
    this.#wake?.()
    return this.#bytes < BYTES
  }

  #sendJson(text: Buffer): void {
    if (text.length > MAX_SEND) {
      const details = `an answer of ${text.length} bytes is larger than ${MAX_SEND}`
      this.end({ code: Code.ResourceExhausted, details })
      return
    }
    this.text = text
    this.send(NOTHING)
  }

  whenClear(then: () => void): void {
    if (this.#bytes === 0) queueMicrotask(then)
    else this.#then = then
  }

  end(status: CallStatus): void {
    if (this.#status !== undefined) return
    this.#status = status
    this.whenEnded?.(status)
    this.#origin.onStatus(status.code)
    if (status.code === 0) this.#asked.resolve()
    else this.#asked.reject(errorOf(status))
    this.#wake?.()
  }
}
