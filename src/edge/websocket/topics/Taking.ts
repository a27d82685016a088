/**
 * Tells one consumer of a socket that several have together. State over a `Socket`.
 *
 *   YK1  What waits for a consumer waits in its subscription, whose bounds hold for all doors: here nothing waits but in the socket.
 *   YK2  Once a consumer grants bytes, of messages' texts, it is sent what was granted, counted from the beginning: while any is left, one message
 *        more. So a page that can't keep its WebSocket from reading can hold back what it has no room for.
 */
import type { HeraldError } from "../../../errors/HeraldError.ts"
import type { Peer, Told } from "../../../subscriptions/ConsumerConnections.ts"
import type { Joined } from "../../../subscriptions/Consuming.ts"
import type { Shown } from "../../http/topics/StreamText.ts"
import { textFrame } from "../Frame.ts"
import type { Socket } from "../Socket.ts"
import { joinedText, toldText } from "./ConsumeWire.ts"

export interface TakingOptions {
  readonly id: string
  readonly topic: string
  readonly as: Shown
  /** Undefined: as many as it takes. YK2 */
  readonly grantedBytes: number | undefined
  readonly ended: (error: HeraldError | undefined) => void
}

export class Taking implements Peer {
  readonly #socket: Socket
  readonly #options: TakingOptions
  readonly #head: string
  #granted: number
  #sent = 0
  #then: (() => void) | undefined
  #asked = false

  constructor(socket: Socket, options: TakingOptions) {
    this.#socket = socket
    this.#options = options
    this.#head = `{"id":${JSON.stringify(options.id)},`
    this.#granted = options.grantedBytes ?? Number.POSITIVE_INFINITY
  }

  readonly joined = (joined: Joined): void => this.#say(joinedText(joined))

  readonly tell = (told: Told): boolean => {
    this.#say(toldText(this.#options.topic, told, this.#options.as))
    return this.#mayGo
  }

  readonly whenClear = (then: () => void): void => {
    this.#then = then
    this.#look()
  }

  readonly isSpent = (): boolean => this.#socket.isClear && this.#sent >= this.#granted

  readonly ended = (error: HeraldError | undefined): void => this.#options.ended(error)

  /** YK2 */
  grant(bytes: number): void {
    this.#granted = Number.isFinite(this.#granted) ? Math.max(this.#granted, bytes) : bytes
    this.#look()
  }

  get #mayGo(): boolean {
    return this.#socket.isClear && this.#sent < this.#granted
  }

  #say(text: string): void {
    const frame = textFrame(this.#head + text)
    this.#sent += frame.length
    this.#socket.send(frame)
  }

  #look(): void {
    if (this.#asked || this.#then === undefined || this.#sent >= this.#granted) return
    this.#asked = true
    this.#socket.whenClear(() => {
      this.#asked = false
      if (!this.#mayGo) return this.#look()
      const then = this.#then
      this.#then = undefined
      then?.()
    })
  }
}
