/** A call of grpc-js, taken before it lays an event emitter or two object streams over it: a message is a function call, in and out. G12, G13 */
import type { ServerHttp2Stream } from "node:http2"
import { Metadata, type ServerInterceptingCallInterface } from "@grpc/grpc-js"
import type { Certificate } from "../../src/access/Certificates.ts"
import { Code } from "../../src/edge/grpc/Code.ts"
import {
  BYTES,
  type CallListener,
  type CallStatus,
  type Fields,
  type ServerCall
} from "../../src/edge/grpc/ServerCall.ts"
import { certificateOf } from "../Sockets/PeerCertificate.ts"
import { MAX_SEND } from "./MaxSend.ts"

/** Messages that wait: grpc-js copies each for each client. G12 */
const WAITING = 16

const metadataOf = (fields: Fields): Metadata =>
  Metadata.fromHttp2Headers(fields as NodeJS.Dict<string | Array<string>>)

/** grpc-js gives its certificate as an object that it makes anew for each question, and its socket to nobody. */
const socketOf = (call: ServerInterceptingCallInterface): unknown =>
  (call as { readonly stream?: ServerHttp2Stream }).stream?.session?.socket

/** Nobody hears a call that is not yet given to its handler. */
const NOBODY: CallListener = { message: () => {}, end: () => {}, over: () => {} }

export class GrpcJsCall implements ServerCall {
  readonly path: string
  readonly peer: ServerCall["peer"]
  metadata = new Metadata()
  /** False: its client was gone before it began, and nobody will ever be told so. */
  came = false
  whenEnded: ServerCall["whenEnded"]
  readonly #call: ServerInterceptingCallInterface
  #listener = NOBODY
  #over = false
  #ended = false
  #begun = false
  #waiting = 0
  /** Bytes sent since nothing last waited. */
  #bytes = 0
  #then: (() => void) | undefined
  #asks = false
  #another = false

  /** `largest`: bytes of a message that it hears. */
  constructor(path: string, call: ServerInterceptingCallInterface, largest = Number.POSITIVE_INFINITY) {
    this.path = path
    this.#call = call
    const { remoteAddress = "unknown", remotePort } = call.getConnectionInfo()
    this.peer = { address: remoteAddress, port: remotePort }
    call.start({
      onReceiveMetadata: (metadata) => {
        this.metadata = metadata
        this.came = true
      },
      onReceiveMessage: (message: Buffer) => {
        if (message.length <= largest) return this.#listener.message(message)
        this.end({ code: Code.RESOURCE_EXHAUSTED, details: `Received message larger than max (${largest} bytes)` })
      },
      onReceiveHalfClose: () => this.#listener.end(),
      onCancel: () => {
        this.#over = true
        this.#ended = true
        this.#listener.over()
      }
    })
  }

  get host(): string {
    return this.#call.getHost()
  }

  get deadline(): number {
    return Number(this.#call.getDeadline())
  }

  certificate(): Certificate | undefined {
    return certificateOf(socketOf(this.#call))
  }

  hear(listener: CallListener): void {
    this.#listener = listener
    if (this.#over) process.nextTick(() => listener.over())
  }

  /** G13 */
  read(): void {
    this.#another = true
    if (this.#asks) return
    this.#asks = true
    try {
      while (this.#another && !this.#ended) {
        this.#another = false
        this.#call.startRead()
      }
    } finally {
      this.#asks = false
    }
  }

  begin(headers: Fields): void {
    if (this.#begun || this.#ended) return
    this.#begun = true
    this.#call.sendMetadata(metadataOf({ ...headers, "grpc-accept-encoding": "identity" }))
  }

  /** G12 */
  send(message: Buffer): boolean {
    if (this.#ended) return false
    if (message.length > MAX_SEND) {
      this.end({
        code: Code.RESOURCE_EXHAUSTED,
        details: `a message of ${message.length} bytes is larger than ${MAX_SEND}`
      })
      return false
    }
    this.begin({})
    this.#waiting++
    this.#bytes += message.length
    this.#call.sendMessage(message, this.#sent)
    return this.#waiting < WAITING && this.#bytes < BYTES
  }

  readonly #sent = (): void => {
    if (--this.#waiting > 0) return
    this.#bytes = 0
    const then = this.#then
    this.#then = undefined
    then?.()
  }

  whenClear(then: () => void): void {
    if (this.#waiting === 0) queueMicrotask(then)
    else this.#then = then
  }

  end(status: CallStatus): void {
    if (this.#ended) return
    this.#ended = true
    this.whenEnded?.(status)
    const { code, details, trailers = {} } = status
    this.#call.sendStatus({ code, details, metadata: metadataOf(trailers) })
  }
}
