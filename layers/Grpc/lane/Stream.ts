/**
 * A stream of a connection, from its request to its end (RFC 9113 §5.1).
 *
 *   CC9  Whoever listens is told exactly once that the stream is over, and nothing after that.
 *   CC10 What came and was not yet taken counts against the stream's window, so a peer can't have more of it kept than that.
 */
import { type Code, WINDOW, windowFrame } from "./Frames.ts"
import type { Outgoing } from "./Outgoing.ts"
import { Sending } from "./Sending.ts"
import { ReceiveWindow } from "./Windows.ts"

/** How a stream ended: all was sent and received, or with this code of either side. */
export type Over = "done" | Code

export interface StreamListener {
  /** What came, good until this returns; true when it completed a message. */
  readonly data: (bytes: Buffer, start: number, end: number) => boolean
  /** The peer sends nothing more. */
  readonly ended: () => void
  /** CC9 */
  readonly over: (how: Over) => void
}

/** What a stream asks of its connection. */
export interface Streams {
  /** So many bytes that came are done with. */
  readonly taken: (bytes: number) => void
  readonly reset: (stream: Stream, code: Code) => void
  readonly done: (stream: Stream) => void
}

export class Stream extends Sending {
  readonly #streams: Streams
  readonly receiving = new ReceiveWindow(WINDOW)
  listener: StreamListener | undefined
  /** The peer may send more. */
  open: boolean
  isOver = false
  /** What it said it would send, and what it sent. */
  readonly contentLength: number | undefined
  received = 0
  /** When its answer was complete, if nothing of that has been sent yet. */
  endedAt: number | undefined
  #untaken = 0

  constructor(
    id: number,
    outgoing: Outgoing,
    window: number,
    streams: Streams,
    open: boolean,
    contentLength: number | undefined
  ) {
    super(id, outgoing, window)
    this.#streams = streams
    this.open = open
    this.contentLength = contentLength
  }

  /** Whether what it sent is as long as it said. */
  get isWhole(): boolean {
    return this.contentLength === undefined || this.contentLength === this.received
  }

  /** Headers that no window limits. */
  respond(headers: Buffer): void {
    if (!this.ended) this.outgoing.frame(headers)
  }

  arrived(bytes: number): void {
    this.#untaken += bytes
  }

  /** So many bytes that came are done with: the peer may send as many again. CC10 */
  taken(bytes: number): void {
    if (this.isOver || bytes === 0) return
    this.#untaken -= bytes
    this.#streams.taken(bytes)
    const by = this.receiving.give(bytes)
    if (by > 0 && this.open) this.outgoing.frame(windowFrame(this.id, by))
  }

  reset(code: Code): void {
    if (!this.isOver) this.#streams.reset(this, code)
  }

  protected override sentAll(): void {
    this.#streams.done(this)
  }

  /** Its connection has forgotten it. CC9 */
  close(how: Over): void {
    if (this.isOver) return
    this.isOver = true
    this.open = false
    this.drop()
    this.#streams.taken(this.#untaken)
    this.#untaken = 0
    this.listener?.over(how)
  }
}
