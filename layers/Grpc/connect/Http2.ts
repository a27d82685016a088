/**
 * Requests of HTTP/2 on the lane that carry no call of gRPC: calls of Connect and gRPC-Web, as pages in browsers make them in TLS.
 *
 *   HO5  A call by HTTP/2 is that by HTTP/1.1; what comes of its body and is not read yet counts against its window. CC10
 *   HO6  One part of an answer waits on its stream, and the next when its client has taken that.
 */
import type { Origins } from "../../../src/net/Origins.ts"
import { Code as Http2Code, headersFrame } from "../lane/Frames.ts"
import { dataHeader, unframed } from "../lane/Framing.ts"
import { encodeBlock, type Header } from "../lane/Hpack.ts"
import type { Origin as LaneOrigin } from "../lane/LaneCall.ts"
import { ignored } from "../lane/NotGrpc.ts"
import { type Request, valueOf } from "../lane/Request.ts"
import type { Stream, StreamListener } from "../lane/Stream.ts"
import type { Answer, Connect, Exchange } from "./Connect.ts"

export interface Http2Options {
  readonly connect: Connect
  readonly origins: Origins
  readonly refuse: (reason: string) => void
}

/** What a call has from its connection. */
export type OfConnection = Pick<LaneOrigin, "peer" | "certificate"> & Pick<Exchange, "admit" | "onDefect" | "onStatus">

/** The body of a request as it is read. HO5 */
class Body implements StreamListener, AsyncIterableIterator<Uint8Array> {
  readonly #stream: Stream
  readonly #gone = new AbortController()
  readonly #parts: Array<Buffer> = []
  #isWhole = false
  #wake: (() => void) | undefined
  /** Told when the stream is over. */
  whenOver: (() => void) | undefined

  constructor(stream: Stream) {
    this.#stream = stream
  }
  get signal(): AbortSignal {
    return this.#gone.signal
  }

  data(bytes: Buffer, start: number, end: number): boolean {
    this.#parts.push(Buffer.from(bytes.subarray(start, end)))
    this.#wake?.()
    return false
  }
  ended(): void {
    this.#isWhole = true
    this.#wake?.()
  }
  over(): void {
    this.#isWhole = true
    this.#parts.length = 0
    this.#wake?.()
    this.#gone.abort()
    this.whenOver?.()
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    for (;;) {
      const part = this.#parts.shift()
      if (part !== undefined) {
        this.#stream.taken(part.length)
        return { done: false, value: part }
      }
      if (this.#isWhole) return { done: true, value: undefined }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
  [Symbol.asyncIterator](): this {
    return this
  }
}

const begin = (stream: Stream, status: number, headers: Iterable<readonly [string, string]>): void => {
  const list: Array<Header> = [[":status", String(status)]]
  for (const [name, value] of headers) list.push([name, value])
  stream.respond(headersFrame(stream.id, encodeBlock(list), false))
}
const finish = (stream: Stream): void => stream.finish(dataHeader(0, stream.id, true))

/** Undefined: some header is none of HTTP's. */
const headersOf = (request: Request): Headers | undefined => {
  const headers = new Headers()
  try {
    for (const [name, value] of request.headers) headers.append(name, value)
    return headers
  } catch {
    return undefined
  }
}

export class Http2 {
  readonly #options: Http2Options

  constructor(options: Http2Options) {
    this.#options = options
  }

  /** Takes what is its own; false: somebody else has to answer. */
  readonly take = (stream: Stream, request: Request, of: OfConnection): boolean => {
    const call = this.#options.connect(request.path.split("?", 1)[0]!)
    const headers = headersOf(request)
    if (call === undefined || headers === undefined) return false
    const origin = valueOf(request.headers, "origin")
    const said = Object.entries(this.#options.origins.answering(origin))
    if (request.method === "OPTIONS") {
      const asked = valueOf(request.headers, "access-control-request-headers")
      const allowed = this.#options.origins.preflight(origin, asked)
      if (allowed === undefined) return false
      stream.listener = ignored(stream)
      begin(stream, 204, Object.entries(allowed))
      finish(stream)
      return true
    }
    if (request.method !== "POST") return false
    const body = new Body(stream)
    stream.listener = body
    const exchange = { ...of, httpVersion: "2", headers, body, signal: body.signal, host: request.authority } as const
    call(exchange).then(
      (answer) => this.#answer(stream, body, answer, said),
      (error) => {
        of.onDefect(error)
        stream.reset(Http2Code.INTERNAL_ERROR)
      }
    )
    return true
  }

  /** HO6 */
  async #answer(stream: Stream, its: Body, { status, headers, body }: Answer, said: Array<[string, string]>) {
    begin(stream, status, [...said, ...headers])
    const parts = body?.[Symbol.asyncIterator]()
    try {
      for (let part = await parts?.next(); part?.done === false && !stream.isOver; part = await parts?.next()) {
        const { buffer, byteOffset, byteLength } = part.value
        const tooMuch = stream.wait(unframed(Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)))
        if (tooMuch !== undefined) {
          this.#options.refuse(tooMuch)
          return stream.reset(Http2Code.ENHANCE_YOUR_CALM)
        }
        await new Promise<void>((resolve) => {
          its.whenOver = resolve
          if (stream.isOver) resolve()
          else stream.whenClear(resolve)
        })
      }
      finish(stream)
    } catch {
      stream.reset(Http2Code.INTERNAL_ERROR) // an answer says its own errors
    } finally {
      parts?.return?.()?.catch(() => {})
    }
  }
}
