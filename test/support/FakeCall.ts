/** One stream of a fake server: what a real one does with it, without a wire. Each side hears the other in later turns, and either may be cut. */
import type { Call, CallEvents, Ended } from "../../src/client/Transport.ts"

const { setImmediate } = globalThis // a test may put another in its place

export const GONE: Ended = {
  status: 14,
  message: "gone",
  code: undefined,
  hopeless: false,
  reconnectAfterMillis: undefined
}

interface Server<I> {
  readonly heard: (request: I) => void
  /** It is over, whoever ended it. */
  readonly left: () => void
}

export class FakeCall<I, O> implements Call<I> {
  readonly #events: CallEvents<O>
  readonly #toServer: Array<I> = []
  readonly #toClient: Array<O> = []
  #server: Server<I> | undefined
  #over = false
  #going = false
  #held = false
  #full = true

  constructor(events: CallEvents<O>) {
    this.#events = events
  }

  get open(): boolean {
    return !this.#over
  }

  /** The client reads nothing more. */
  get held(): boolean {
    return this.#held
  }

  serve(server: Server<I>): void {
    this.#server = server
    this.#full = true
    this.#go()
  }

  /** Takes 4 at once, as a stream of objects takes 16, and none before it has begun. */
  send = (request: I): boolean => {
    if (!this.#over) this.#toServer.push(request)
    this.#go()
    this.#full ||= this.#toServer.length >= 4
    return !this.#full
  }

  hold = (held: boolean): void => {
    this.#held = held
    this.#go()
  }

  drop = (): void => {
    if (this.#over) return
    this.#over = true
    this.#server?.left()
  }

  /** What was sent arrives. */
  finish = async (): Promise<void> => {
    while (!this.#over && this.#toServer.length > 0) await new Promise<void>((resolve) => setImmediate(resolve))
    this.drop()
  }

  say(response: O): void {
    if (!this.#over) this.#toClient.push(response)
    this.#go()
  }

  /** What is under way in either direction is lost. */
  cut(ended: Partial<Ended> = {}): void {
    if (this.#over) return
    this.#over = true
    this.#server?.left()
    setImmediate(() => this.#events.ended({ ...GONE, ...ended }))
  }

  #go(): void {
    if (this.#going || this.#over) return
    this.#going = true
    setImmediate(() => {
      this.#going = false
      if (this.#over) return
      const request = this.#server === undefined ? undefined : this.#toServer.shift()
      if (request !== undefined) this.#server!.heard(request)
      const response = this.#held || this.#over ? undefined : this.#toClient.shift()
      if (response !== undefined) this.#events.message(response)
      if (this.#full && this.#toServer.length === 0 && !this.#over) {
        this.#full = false
        this.#events.writable()
      }
      if (this.#toServer.length > 0 || (this.#toClient.length > 0 && !this.#held)) this.#go()
    })
  }
}
