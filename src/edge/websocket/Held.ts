/**
 * Sends a reader's share of a socket that several have together. State over a `Socket`.
 *
 *   YH1  Of what is meant for a reader at most one thing waits here, as it was given and not encoded: of who reads slowly the position is kept.
 *   YH2  Once a reader grants bytes, of messages' texts, it is sent what was granted, counted from the beginning: while any is left, one message more.
 */
import type { HeraldError } from "../../errors/HeraldError.ts"
import type { Told } from "../../fanout/Batch.ts"
import type { Sink } from "../../fanout/Reader.ts"
import { payloadBytes } from "./Frame.ts"
import type { Socket } from "./Socket.ts"

export interface HeldOptions {
  /** The frames of one message. */
  readonly framesOf: (told: Told) => ReadonlyArray<Uint8Array>
  /** Bytes; undefined: as many as it takes. YH2 */
  readonly granted: number | undefined
  /** It is sent away. */
  readonly ended: (error: HeraldError) => void
}

export class Held implements Sink {
  readonly #socket: Socket
  readonly #options: HeldOptions
  #granted: number
  #sent = 0
  #waits: Told | undefined
  #then: (() => void) | undefined
  #asked = false
  #over = false

  constructor(socket: Socket, options: HeldOptions) {
    this.#socket = socket
    this.#options = options
    this.#granted = options.granted ?? Number.POSITIVE_INFINITY
  }

  write(told: Told): boolean {
    if (this.#over) return false
    if (this.#mayGo) this.#send(told)
    else this.#waits = told // YH1
    return this.#waits === undefined && this.#mayGo
  }

  drained(then: () => void): void {
    this.#then = then
    this.#ask()
  }

  grant(granted: number): void {
    this.#granted = Number.isFinite(this.#granted) ? Math.max(this.#granted, granted) : granted
    this.#ask()
  }

  end(error: HeraldError): void {
    if (this.#over) return
    this.close()
    this.#options.ended(error)
  }

  /** Nothing is sent any more. */
  close(): void {
    this.#over = true
    this.#waits = undefined
    this.#then = undefined
  }

  get #mayGo(): boolean {
    return this.#socket.isClear && this.#sent < this.#granted
  }

  #send(told: Told): void {
    const frames = this.#options.framesOf(told)
    for (const one of frames) this.#sent += payloadBytes(one)
    this.#socket.send(...frames)
  }

  #ask(): void {
    if (this.#asked || this.#over || this.#sent >= this.#granted) return
    this.#asked = true
    this.#socket.whenClear(() => {
      this.#asked = false
      this.#cleared()
    })
  }

  #cleared(): void {
    if (this.#over) return
    const told = this.#waits
    if (told !== undefined && this.#mayGo) {
      this.#waits = undefined
      this.#send(told)
    }
    const then = this.#then
    if (this.#waits !== undefined || !this.#mayGo || then === undefined) {
      if (this.#waits !== undefined || then !== undefined) this.#ask()
      return
    }
    this.#then = undefined
    then()
  }
}
