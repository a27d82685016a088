/** Reads a body into one piece of memory. B1 in Body.ts */
import { Effect, Stream } from "effect"
import type { HttpServerError, HttpServerRequest } from "effect/http"
import { failure, type HeraldError } from "../../errors/HeraldError.ts"

const NONE = new Uint8Array(0)

const tooLarge = (limit: number) =>
  failure("TooLarge", `the body is larger than the ${limit} bytes that this route takes`)
const broken = () => failure("InvalidInput", "body: the connection ended before it did")

/**
 * Copies pieces together as they come, the only one of a small body into just as much memory: each may keep far more than its bytes, and a
 * body may come in as many pieces as it has bytes.
 */
class Gathering {
  #bytes: Uint8Array<ArrayBuffer> = NONE
  readonly #limit: number
  length = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** False: it is more than the limit, and was not kept. */
  take(piece: Uint8Array): boolean {
    const wanted = this.length + piece.length
    if (wanted > this.#limit) return false
    if (wanted > this.#bytes.length) {
      const larger = new Uint8Array(Math.min(this.#limit, Math.max(2 * this.#bytes.length, wanted)))
      larger.set(this.#bytes.subarray(0, this.length))
      this.#bytes = larger
    }
    this.#bytes.set(piece, this.length)
    this.length = wanted
    return true
  }

  /** A copy of its own: threads get all of the memory that a view looks at. */
  get whole(): Uint8Array {
    return this.length === this.#bytes.length ? this.#bytes : this.#bytes.slice(0, this.length)
  }
}

/** `limit`, in bytes. Fails `TooLarge`, `InvalidInput`. */
export const gathered = (
  pieces: Stream.Stream<Uint8Array, HttpServerError.HttpServerError>,
  limit: number
): Effect.Effect<Uint8Array, HeraldError> =>
  Effect.suspend(() => {
    const gathering = new Gathering(limit)
    const read = Stream.runForEachArray(pieces, (some) =>
      some.every((piece) => gathering.take(piece)) ? Effect.void : Effect.fail(tooLarge(limit))
    )
    return read.pipe(
      Effect.mapError((error) => (error._tag === "HttpServerError" ? broken() : error)),
      Effect.map(() => gathering.whole)
    )
  })

/** What a request of Node's or Deno's tells of its body. */
export interface Told {
  readonly destroyed: boolean
  readonly on: (event: string, listener: (piece: Uint8Array) => void) => unknown
  readonly off: (event: string, listener: (piece: Uint8Array) => void) => unknown
}

const tells = (source: object): source is Told => "on" in source && "off" in source && "destroyed" in source

/** Its ends but the one that is good. HT7: whoever broke a body off says so first, and it may end in the usual way after that. */
const ENDS = ["aborted", "error", "close"]

/** A body that has `length` bytes, neither more nor less. Fails `InvalidInput`. */
export const told = (source: Told, length: number): Effect.Effect<Uint8Array, HeraldError> =>
  Effect.callback((resume) => {
    if (source.destroyed) return resume(Effect.fail(broken()))
    const gathering = new Gathering(length)
    let within = true
    const take = (piece: Uint8Array) => {
      within &&= gathering.take(piece)
    }
    const leave = () => {
      source.off("data", take)
      source.off("end", end)
      for (const event of ENDS) source.off(event, breakOff)
    }
    const end = () => {
      leave()
      resume(within && gathering.length === length ? Effect.succeed(gathering.whole) : Effect.fail(broken()))
    }
    const breakOff = () => {
      leave()
      resume(Effect.fail(broken()))
    }
    source.on("end", end)
    for (const event of ENDS) source.on(event, breakOff)
    source.on("data", take)
    return Effect.sync(leave)
  })

const kept = new WeakMap<object, Uint8Array>()

/** Keeps the body of a request that was read before its route was found. It was let in, and counted against its rate. QK1 */
export const keepBody = (source: object, bytes: Uint8Array): void => void kept.set(source, bytes)

/** Whether a request was counted against a rate already. */
export const wasCounted = ({ source }: HttpServerRequest.HttpServerRequest): boolean => kept.has(source)

/** The body of a request. `limit`, in bytes, is no less than what it says to have. Fails `TooLarge`, `InvalidInput`. */
export const bodyOf = (
  request: HttpServerRequest.HttpServerRequest,
  { expect, "content-length": said }: Readonly<Record<string, string | undefined>>,
  limit: number
): Effect.Effect<Uint8Array, HeraldError> =>
  // A stream costs a tenth of what a small publish does; but who waits for a 100 gets it when the stream is asked for.
  kept.has(request.source)
    ? Effect.succeed(kept.get(request.source)!)
    : said !== undefined && expect === undefined && tells(request.source)
      ? told(request.source, Number(said))
      : gathered(request.stream, limit)
