/**
 * Takes a call's messages past the two object streams that grpc-js lays over it: an update to a client, and its answer, are a function call
 * each. Status, cancellation and the end of what the client sends stay with the stream.
 *
 *   G12 Once `WAITING` messages or `BYTES` bytes wait in the transport, the sender is told to wait; messages keep their order.
 *   G13 However many messages arrive together, they are heard one after the other, none while another is being handled.
 */
import { ServerInterceptingCall, type ServerInterceptingCallInterface } from "@grpc/grpc-js"
import type { Sink } from "../../sessions/Session.ts"
import type { Update } from "../../updates/Update.ts"

/** What an object stream of Node keeps: 16 objects, 64 KiB. grpc-js copies that much for each client. G12 */
const WAITING = 16
const BYTES = 65_536

type Responder = ConstructorParameters<typeof ServerInterceptingCall>[1]
type Listener = Parameters<ServerInterceptingCallInterface["start"]>[0]

export class Line extends ServerInterceptingCall {
  readonly #call: ServerInterceptingCallInterface
  #begun = false
  #waiting = 0
  /** Bytes sent since nothing last waited. */
  #bytes = 0
  #then: (() => void) | undefined
  #hear: ((message: Buffer) => void) | undefined
  #asks = false
  #another = false

  constructor(call: ServerInterceptingCallInterface, responder: Responder) {
    super(call, responder)
    this.#call = call
  }

  /** From now on messages come here as they arrive. Nothing may wait in the stream, or it would be overtaken. */
  hear(message: (message: Buffer) => void): void {
    this.#hear = message
  }

  override start(listener: Listener): void {
    super.start({
      onReceiveMetadata: (metadata) => listener.onReceiveMetadata(metadata),
      onReceiveHalfClose: () => listener.onReceiveHalfClose(),
      onCancel: () => listener.onCancel(),
      onReceiveMessage: (message) => {
        if (this.#hear === undefined) listener.onReceiveMessage(message)
        else {
          this.#hear(message)
          this.#ask()
        }
      }
    })
  }

  /** Asks for the next message. One that has already come is heard before this returns. G13 */
  #ask(): void {
    this.#another = true
    if (this.#asks) return
    this.#asks = true
    try {
      while (this.#another) {
        this.#another = false
        this.#call.startRead()
      }
    } finally {
      this.#asks = false
    }
  }

  override sendMessage(message: unknown, callback: () => void): void {
    if (this.#begun) this.#call.sendMessage(message, callback)
    else super.sendMessage(message, callback) // the metadata goes first
    this.#begun = true
  }

  readonly #sent = (): void => {
    if (--this.#waiting > 0) return
    this.#bytes = 0
    const then = this.#then
    this.#then = undefined
    then?.()
  }

  /** `writable`: false once the call is ended. `encode`: an update as bytes, the same for all who get it. */
  sink(call: { readonly writable: boolean }, encode: (update: Update) => Buffer): Sink {
    return {
      write: (update) => {
        if (!call.writable) return false
        const bytes = encode(update)
        this.#waiting++
        this.#bytes += bytes.length
        this.sendMessage(bytes, this.#sent)
        return this.#waiting < WAITING && this.#bytes < BYTES
      },
      drained: (then) => {
        if (this.#waiting === 0) queueMicrotask(then)
        else this.#then = then
      }
    }
  }
}
