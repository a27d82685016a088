/** One stream of a fake transport: what GrpcTransport does with one, without a wire. test/contracts/Transports.ts holds both to the same. */
import { ConfigUpdate, type SubscribeRequest } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import type { Ended, Stream, StreamEvents } from "../../src/client/Transport.ts"
import { plainly } from "../../src/net/Reason.ts"

/** Messages that wait in a turn before the sender is told to, as in a stream of objects. */
const WAITING = 16

const { setImmediate } = globalThis // a test may put another in its place

const gone: Ended = { status: 14, message: "gone", code: undefined, hopeless: false, reconnectAfterMillis: undefined }

interface Server {
  /** It takes no more. */
  readonly full?: boolean
  readonly heard?: (request: SubscribeRequest) => void
  /** The client dropped it. */
  readonly left?: () => void
}

export class FakeStream implements Stream {
  readonly hello: SubscribeRequest
  /** What the server heard after the hello. */
  readonly sent: Array<SubscribeRequest> = []
  readonly events: StreamEvents
  /** The client reads nothing more. */
  held = false
  /** The server heard the hello. */
  begun = false
  #over = false
  readonly #server: Server
  readonly #early: Array<SubscribeRequest> = []
  #unread: Array<ConfigUpdate> = []
  #waiting = 0
  #told = false
  #going = false

  constructor(hello: SubscribeRequest, events: StreamEvents, server: Server = {}) {
    this.hello = hello
    this.events = events
    this.#server = server
  }

  /** Neither side has ended it. */
  get open(): boolean {
    return !this.#over
  }

  /** The client's token is known, and what it said so far goes out. False: it left before. */
  begin(): boolean {
    if (this.#over) return false
    this.begun = true
    this.#server.heard?.(this.hello)
    let room = this.#take()
    for (const request of this.#early) room = this.#send(request)
    if (room) this.events.writable()
    return true
  }

  send = (request: SubscribeRequest): boolean => {
    if (this.#over) return false
    if (this.begun) return this.#send(request)
    this.#early.push(request)
    return false
  }

  hold = (held: boolean): void => {
    this.held = held
    if (!held) queueMicrotask(() => this.#read())
  }

  drop = (): void => {
    if (this.#over) return
    this.#over = true
    this.#server.left?.()
  }

  finish = async (): Promise<void> => this.drop()

  /** What the server says. */
  say(update: Partial<ConfigUpdate>): void {
    if (this.#over) return
    this.#unread.push(ConfigUpdate.fromPartial(update))
    this.#read()
  }

  /** The server ends it, or the network. What was not read is never heard. `message`: as on the wire, where a code may be before it. */
  end(ended: Partial<Ended> = {}): void {
    if (this.#over) return
    this.#over = true
    const { code, message, ...rest } = { ...gone, ...ended }
    this.events.ended({ ...rest, code: code ?? /HRLD-\d{4}/.exec(message)?.[0], message: plainly(message) })
  }

  #read(): void {
    while (!this.held && !this.#over && this.#unread.length > 0) this.events.message(this.#unread.shift()!)
  }

  #send(request: SubscribeRequest): boolean {
    this.sent.push(request)
    this.#server.heard?.(request)
    return this.#take()
  }

  /** Whether there is room after one more. */
  #take(): boolean {
    const room = ++this.#waiting < WAITING && this.#server.full !== true
    this.#told ||= !room
    if (!this.#going) {
      this.#going = true
      setImmediate(() => this.#gone())
    }
    return room
  }

  /** What was sent in this turn is on its way in the next. */
  #gone(): void {
    this.#going = false
    this.#waiting = 0
    if (!this.#told || this.#over || this.#server.full === true) return
    this.#told = false
    this.events.writable()
  }
}
