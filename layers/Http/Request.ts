/** One request of HTTP/2, from its headers to the end of its stream. HT2, HT5 and HT6 in Streams.ts */
import type { ServerHttp2Stream } from "node:http2"
import type { Reader } from "../Sockets/Unread.ts"

/** RFC 9113 §7 */
const NO_ERROR = 0
const CANCEL = 8

/** What a request needs of its connection. */
export interface OnConnection {
  readonly ahead: () => number
  readonly refusal: (reason: string) => void
  readonly cut: (reason: string) => boolean
}

const lengthOf = (chunk: unknown): number =>
  typeof chunk === "string" ? Buffer.byteLength(chunk) : ((chunk as Uint8Array | null)?.byteLength ?? 0)

export class Request implements Reader {
  readonly #stream: ServerHttp2Stream
  readonly #connection: OnConnection
  readonly #begunAt = performance.now()
  /** Bytes of its answer. */
  #given = 0
  #took = 0

  constructor(stream: ServerHttp2Stream, isForHeaders: boolean, connection: OnConnection) {
    this.#stream = stream
    this.#connection = connection
    const write = stream.write.bind(stream) as (...args: ReadonlyArray<unknown>) => boolean
    stream.write = (chunk: unknown, ...rest: Array<unknown>) => {
      this.#given += lengthOf(chunk)
      return write(chunk, ...rest)
    }
    stream.on("drain", () => {
      this.#took = this.#given
    })
    // Of a request for the headers alone, the stream is finished before it begins.
    if (!isForHeaders) stream.once("finish", () => this.isWhole || stream.close(NO_ERROR)) // HT5
  }

  /** Whether all of the request has come. */
  get isWhole(): boolean {
    return this.#stream.endAfterHeaders || this.#stream.destroyed || this.#stream.state.remoteClose === 1
  }

  /** Whether its answer went out to its end. */
  get wasAnswered(): boolean {
    return this.#stream.headersSent && this.#stream.writableFinished
  }

  /** What was sent when its stream ended, at most. HT6 */
  get mayBeUnread(): number {
    return this.wasAnswered ? 0 : this.#given - this.#took
  }

  /** HT2 */
  look(now: number, patience: number): void {
    if (now - this.#begunAt < patience || this.isWhole) return
    const stream = this.#stream
    // Not by the response of the route, which has to learn that its client is gone.
    stream.emit("aborted") // HT7: or the route takes what there is of the body for all of it
    if (!stream.headersSent) stream.respond({ ":status": 408 }, { endStream: true })
    stream.close(stream.writableEnded ? NO_ERROR : CANCEL)
  }

  readonly unread = (): number => {
    if (this.#stream.destroyed) return 0
    this.#took = this.taken()
    return this.#stream.writableLength
  }
  readonly ahead = () => this.#connection.ahead()
  readonly kept = () => (this.#stream.destroyed ? 0 : this.#stream.readableLength)
  readonly taken = () => this.#given - this.#stream.writableLength

  readonly cut = (reason: "unread_time" | "unread_in_all"): boolean => {
    if (reason === "unread_in_all") return this.#connection.cut(reason)
    if (this.#stream.destroyed) return false
    if (this.#stream.closed) return this.#connection.cut(reason) // its peer does not even take the reset
    this.#connection.refusal(reason)
    this.#stream.close(CANCEL)
    return true
  }
}
