/**
 * The streams of a connection: opens, feeds, resets and forgets them.
 *
 *   CC14 Bytes of streams that are not read are not given back to the connection beyond a bound; below it one that is not read stops no other.
 *   CC16 No more streams are open than was said; one more is refused in a way that says "try again".
 */
import { Closed } from "./Closed.ts"
import { Code, ConnectionError, Flag, MAX_WINDOW, resetFrame, WINDOW, windowFrame, wrong } from "./Frames.ts"
import type { Decoded, Header } from "./Hpack.ts"
import type { Outgoing } from "./Outgoing.ts"
import { type BucketName, bounds, TINY } from "./Protections.ts"
import { areTrailers, partial, type Request, requestOf } from "./Request.ts"
import { Stream, type Streams } from "./Stream.ts"
import { ReceiveWindow } from "./Windows.ts"

/** Bytes that a client may send on all of its streams before it hears that they are taken. */
export const RECEIVE = 1_048_576
/** Milliseconds that a client has to read an answer that is complete. D4 */
const UNREAD = 5_000

export interface StreamTableOptions {
  readonly outgoing: Outgoing
  readonly maxStreams: number
  /** D4 */
  readonly unread: number | undefined
  readonly onStream: (stream: Stream, request: Request, tooLong: boolean) => void
  readonly refuse: (reason: string) => void
  /** Throws when the connection is over its bound. CC12 */
  readonly count: (name: BucketName) => void
  /** The last one ended. */
  readonly onIdle: () => void
  /** No more are taken. CC13 */
  readonly isLeaving: () => boolean
}

export class StreamTable implements Streams {
  readonly #options: StreamTableOptions
  readonly #outgoing: Outgoing
  readonly #receiving = new ReceiveWindow(RECEIVE)
  readonly #streams = new Map<number, Stream>()
  readonly #closed = new Closed()
  #initialWindow: number = WINDOW
  #untaken = 0
  #owed = 0
  #over = false
  /** The highest number of a stream that was opened. */
  lastId = 0
  /** The peer knows how many streams it may open. */
  acknowledged = false

  constructor(options: StreamTableOptions) {
    this.#options = options
    this.#outgoing = options.outgoing
  }

  get size(): number {
    return this.#streams.size
  }

  data(id: number, flags: number, bytes: Buffer, start: number, end: number, length: number) {
    if (!this.#receiving.take(length))
      throw new ConnectionError(Code.FLOW_CONTROL_ERROR, "more DATA than the window (RFC 9113 §6.9)")
    const stream = this.#streams.get(id)
    if (stream === undefined || !stream.open) {
      this.#credit(length)
      if (stream !== undefined) return this.refuse(id, Code.STREAM_CLOSED)
      return this.#late(id, true)
    }
    if (!stream.receiving.take(length)) {
      this.#credit(length)
      return this.refuse(id, Code.FLOW_CONTROL_ERROR)
    }
    const last = (flags & Flag.END_STREAM) !== 0
    if (length === 0 && !last) this.#options.count("empty")
    this.#untaken += length
    stream.arrived(length)
    stream.taken(length - (end - start)) // the padding
    this.#credit(length)
    stream.received += end - start
    const { contentLength } = stream
    if (contentLength !== undefined && stream.received > contentLength) return this.refuse(id, Code.PROTOCOL_ERROR)
    const completed = end > start && stream.listener?.data(bytes, start, end)
    if (last) this.#endOf(stream)
    else if (completed === false && end - start < TINY) this.#options.count("tiny")
  }

  #endOf(stream: Stream) {
    if (stream.isOver) return
    if (!stream.isWhole) return this.refuse(stream.id, Code.PROTOCOL_ERROR)
    stream.open = false
    stream.listener?.ended()
  }

  /** So many bytes more may come, unless too much is kept already. CC14 */
  #credit(bytes: number): void {
    this.#owed += bytes
    if (this.#untaken > bounds.unread.bound) return
    const by = this.#receiving.give(this.#owed)
    this.#owed = 0
    if (by > 0) this.#outgoing.frame(windowFrame(0, by))
  }

  taken(bytes: number): void {
    this.#untaken -= bytes
    if (this.#owed > 0 && !this.#over) this.#credit(0)
  }

  /** A header list: of a new stream, or the last of one. */
  headers(id: number, end: boolean, { headers, tooLong }: Decoded) {
    const stream = this.#streams.get(id)
    if (stream !== undefined) return this.#onTrailers(stream, headers, end)
    if ((id & 1) === 0) throw wrong("a client's streams are odd", "5.1.1")
    if (id <= this.lastId) return this.#late(id, true, true)
    this.lastId = id
    if (this.#options.isLeaving()) {
      this.#options.count("late")
      return this.#closed.add(id, "by us")
    }
    if (this.#streams.size >= this.#options.maxStreams) return this.#tooMany(id)
    const request = tooLong ? partial(headers) : requestOf(headers)
    if (request === undefined) return this.refuse(id, Code.PROTOCOL_ERROR)
    const made = new Stream(id, this.#outgoing, this.#initialWindow, this, !end, request.contentLength)
    if (end && !made.isWhole) return this.refuse(id, Code.PROTOCOL_ERROR)
    this.#streams.set(id, made)
    this.#options.onStream(made, request, tooLong)
    if (end && !made.isOver) made.listener?.ended()
  }

  #onTrailers(stream: Stream, headers: ReadonlyArray<Header>, end: boolean) {
    if (!stream.open) return this.refuse(stream.id, Code.STREAM_CLOSED)
    if (!end || !areTrailers(headers)) return this.refuse(stream.id, Code.PROTOCOL_ERROR)
    this.#endOf(stream)
  }

  /** Whoever has not seen our SETTINGS can't know better. */
  #tooMany(id: number): void {
    this.#options.refuse("streams")
    this.#options.count(this.acknowledged ? "provoked" : "early")
    this.#closed.add(id, "by us")
    this.#outgoing.answer(resetFrame(id, Code.REFUSED_STREAM))
  }

  /** A frame of a stream that is no more, or never was. CC4 */
  #late(id: number, matters: boolean, headers = false) {
    if (id > this.lastId || (id & 1) === 0) throw wrong("a frame of a stream that was never opened", "5.1")
    if (!matters) return
    const how = this.#closed.how(id)
    if (how === "by us") return this.#options.count("late")
    if (how === "ended") throw new ConnectionError(Code.STREAM_CLOSED, "a frame of a stream that ended (RFC 9113 §5.1)")
    if (how === "by the peer") return this.refuse(id, Code.STREAM_CLOSED)
    if (headers) throw wrong("a stream's number is lower than one before", "5.1.1")
    this.#options.count("provoked")
  }

  wasReset(id: number) {
    const stream = this.#streams.get(id)
    this.#options.count("resets")
    if (stream === undefined) return this.#late(id, false)
    this.#forget(stream, "by the peer", Code.CANCEL)
  }

  window(id: number, by: number) {
    const stream = this.#streams.get(id)
    if (stream === undefined) return this.#late(id, false)
    if (by === 0) return this.refuse(id, Code.PROTOCOL_ERROR)
    if (!stream.window.grow(by)) return this.refuse(id, Code.FLOW_CONTROL_ERROR)
    if (stream.waiting > 0) this.#outgoing.list(stream)
  }

  /** The peer's setting. CC1 */
  initialWindow(size: number): void {
    const overflow = () => new ConnectionError(Code.FLOW_CONTROL_ERROR, "a window beyond 2^31 - 1 (RFC 9113 §6.9.2)")
    if (size > MAX_WINDOW) throw overflow()
    const by = size - this.#initialWindow
    this.#initialWindow = size
    for (const stream of this.#streams.values()) {
      if (!stream.window.grow(by)) throw overflow()
      if (stream.waiting > 0) this.#outgoing.list(stream)
    }
  }

  /** D4 */
  tick(now: number): void {
    for (const stream of this.#streams.values()) {
      if (!stream.ended) continue
      stream.endedAt ??= now
      if (now - stream.endedAt >= (this.#options.unread ?? UNREAD)) this.reset(stream, Code.ENHANCE_YOUR_CALM)
    }
  }

  /** Resets a stream for what its peer did. CC12 */
  refuse(id: number, code: Code): void {
    this.#options.count("provoked")
    const stream = this.#streams.get(id)
    this.#outgoing.answer(resetFrame(id, code))
    if (stream !== undefined) this.#forget(stream, "by us", code)
    else if (id <= this.lastId) this.#closed.add(id, "by us")
  }

  #forget(stream: Stream, how: "by us" | "by the peer" | "ended", code: Code | "done"): void {
    this.#streams.delete(stream.id)
    this.#closed.add(stream.id, how)
    stream.close(code)
    if (this.#streams.size === 0) this.#options.onIdle()
  }

  reset(stream: Stream, code: Code): void {
    if (this.#streams.get(stream.id) !== stream) return
    this.#outgoing.frame(resetFrame(stream.id, code))
    this.#forget(stream, "by us", code)
  }

  /** Its answer is complete. One whose client may still send is reset, so that it stops (RFC 9113 §8.1). */
  done(stream: Stream): void {
    if (this.#streams.get(stream.id) !== stream) return
    if (stream.open) this.#outgoing.frame(resetFrame(stream.id, Code.NO_ERROR))
    this.#forget(stream, stream.open ? "by us" : "ended", "done")
  }

  close(): void {
    this.#over = true
    const streams = [...this.#streams.values()]
    this.#streams.clear()
    for (const stream of streams) stream.close(Code.CANCEL)
  }
}
