/**
 * The sending half of a stream.
 *
 *   CC8  A stream keeps its order; its trailers come last, and nothing after them.
 */
import { FRAME_BYTES } from "./Frames.ts"
import { dataHeader, type Framed, framed, framesOf, partOf } from "./Framing.ts"
import type { Outgoing } from "./Outgoing.ts"
import { bounds, TINY } from "./Protections.ts"
import { SendWindow } from "./Windows.ts"

/** Which protection a message met. */
export type TooMuch = "unsent" | "unsent_of_stream"

export abstract class Sending {
  readonly id: number
  readonly window: SendWindow
  /** Messages and the parts of them that wait; undefined while nothing ever did. CC7 */
  #queue: Array<Framed | undefined> | undefined
  #first = 0
  #offset = 0
  #waiting = 0
  #trailers: Buffer | undefined
  #then: (() => void) | undefined
  /** Bytes that were made ready in `#turn`, and are not on their way before it ends. */
  #turn = -1
  #bytes = 0
  /** In the list of those that have their turns. */
  listed = false
  /** Its last frame is sent, or waits for what is before it. */
  ended = false
  protected readonly outgoing: Outgoing

  constructor(id: number, outgoing: Outgoing, window: number) {
    this.id = id
    this.outgoing = outgoing
    this.window = new SendWindow(window)
  }

  /** Bytes that wait. */
  get waiting(): number {
    return this.#waiting
  }

  /** True once so many bytes are not yet with the transport. */
  full(bytes: number): boolean {
    return this.#waiting + (this.#turn === this.outgoing.turn ? this.#bytes : 0) >= bytes
  }

  get clear(): boolean {
    return this.#waiting === 0 && !(this.#turn === this.outgoing.turn && this.#bytes > 0)
  }

  /** Takes a message, which nobody may write into from now on; or says why not. */
  send(message: Uint8Array): TooMuch | undefined {
    const { outgoing } = this
    if (this.ended) return undefined
    const framing = framed(message, this.id)
    const { id, frames, length } = framing
    if (this.#waiting === 0 && outgoing.room && frames !== undefined && this.#takes(length)) {
      if (this.#turn !== outgoing.turn) {
        this.#turn = outgoing.turn
        this.#bytes = 0
      }
      this.#bytes += length
      if (id === this.id) outgoing.data(frames, undefined, framesOf(length))
      else
        for (let from = 0; from < length; from += FRAME_BYTES)
          this.#frame(framing, from, Math.min(FRAME_BYTES, length - from))
      return undefined
    }
    return this.wait(framing)
  }

  #frame(framing: Framed, from: number, length: number): void {
    this.outgoing.data(dataHeader(length, this.id, false), partOf(framing, from, from + length))
  }

  /** Takes it after all that waits. CC7 */
  wait(framing: Framed): TooMuch | undefined {
    const { outgoing } = this
    const { length } = framing
    if (this.ended) return undefined
    if (this.#waiting + length > bounds.unsent_of_stream.bound) return "unsent_of_stream"
    if (outgoing.waiting + length > bounds.unsent.bound) return "unsent"
    ;(this.#queue ??= []).push(framing)
    this.#waiting += length
    outgoing.waits(framing)
    outgoing.list(this)
    return undefined
  }

  /** CC6 */
  #takes(length: number): boolean {
    const all = this.outgoing.window
    if (this.window.left < length || all.left < length) return false
    this.window.left -= length
    all.left -= length
    return true
  }

  /** Ends the stream after all that was sent on it. CC8 */
  finish(trailers: Buffer): void {
    if (this.ended) return
    this.ended = true
    if (this.#waiting > 0) this.#trailers = trailers
    else {
      this.outgoing.frame(trailers)
      this.sentAll()
    }
  }

  /** Makes one frame ready; true while there is more, and a window for it. CC6 */
  next(): boolean {
    const queue = this.#queue
    if (queue === undefined || this.#waiting === 0) return false
    const framing = queue[this.#first]!
    const left = Math.min(framing.length - this.#offset, this.window.left, this.outgoing.window.left)
    const length = Math.min(left, FRAME_BYTES - (this.#offset % FRAME_BYTES))
    if (length <= 0) return false
    this.#takes(length)
    this.#frame(framing, this.#offset, length)
    this.#offset += length
    if (length < TINY && this.#offset < framing.length) this.outgoing.sent-- // who draws an answer out earns nothing by it
    this.#waiting -= length
    this.outgoing.waiting -= length
    if (this.#offset === framing.length) {
      this.#offset = 0
      queue[this.#first++] = undefined
      this.outgoing.waited(framing)
      if (this.#first === queue.length) {
        this.#queue = undefined
        this.#first = 0
      } else if (this.#first > 256) {
        queue.splice(0, this.#first)
        this.#first = 0
      }
    }
    if (this.#waiting > 0) return true
    if (this.#trailers !== undefined) {
      this.outgoing.frame(this.#trailers)
      this.#trailers = undefined
      this.sentAll()
    }
    return false
  }

  /** Calls back in another turn, once nothing waits; never, when the stream is over before. One waits at a time. */
  whenClear(then: () => void): void {
    if (this.clear) queueMicrotask(then)
    else {
      if (this.#then === undefined) this.outgoing.watch(this)
      this.#then = then
    }
  }

  /** False: something waits still. */
  tellClear(): boolean {
    if (this.#waiting > 0) return false
    const then = this.#then
    this.#then = undefined
    then?.()
    return true
  }

  /** Forgets all that waits. */
  protected drop(): void {
    this.ended = true
    this.outgoing.waiting -= this.#waiting
    if (this.#queue !== undefined)
      for (const framing of this.#queue) if (framing !== undefined) this.outgoing.waited(framing)
    this.#waiting = this.#first = this.#offset = 0
    this.#queue = this.#trailers = this.#then = undefined
  }

  /** The last frame is ready. */
  protected abstract sentAll(): void
}
