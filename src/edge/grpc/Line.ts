/**
 * A call whose messages need not go through the two object streams that grpc-js lays over it: an update to a client, and its answer, are a
 * function call each. Status, cancellation and the end of what the client sends stay with the stream.
 *
 *   G12 Of what is sent, `WAITING` messages wait at most in the transport before the sender is told to; messages keep their order.
 */
import { ServerInterceptingCall, type ServerInterceptingCallInterface } from "@grpc/grpc-js"
import type { Sink } from "../../sessions/Session.ts"
import type { Update } from "../../sessions/Update.ts"

/** As many as an object stream keeps. G12 */
const WAITING = 16

type Responder = ConstructorParameters<typeof ServerInterceptingCall>[1]
type Listener = Parameters<ServerInterceptingCallInterface["start"]>[0]

export class Line extends ServerInterceptingCall {
  readonly #call: ServerInterceptingCallInterface
  #begun = false
  #waiting = 0
  #then: (() => void) | undefined
  #hear: ((message: Buffer) => void) | undefined

  constructor(call: ServerInterceptingCallInterface, responder: Responder) {
    super(call, responder)
    this.#call = call
  }

  /** From now on messages come here as they arrive. Nothing may wait in the stream, or it would come later. */
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
          this.#call.startRead()
        }
      }
    })
  }

  override sendMessage(message: unknown, callback: () => void): void {
    if (this.#begun) this.#call.sendMessage(message, callback)
    else super.sendMessage(message, callback) // the metadata goes first
    this.#begun = true
  }

  readonly #sent = (): void => {
    if (--this.#waiting > 0) return
    const then = this.#then
    this.#then = undefined
    then?.()
  }

  /** `writable`: false once the call was ended. `encode`: an update as bytes, the same for all who get it. */
  sink(call: { readonly writable: boolean }, encode: (update: Update) => Buffer): Sink {
    return {
      write: (update) => {
        if (!call.writable) return false
        this.#waiting++
        this.sendMessage(encode(update), this.#sent)
        return this.#waiting < WAITING
      },
      drained: (then) => {
        if (this.#waiting === 0) queueMicrotask(then)
        else this.#then = then
      }
    }
  }
}
