/** Reads a body into one piece of memory. B1 in Body.ts */
import { Effect, Stream } from "effect"
import type { HttpServerError } from "effect/http"
import { failure, type HeraldError } from "../../errors/HeraldError.ts"

const NONE = new Uint8Array(0)

/**
 * Copies pieces together as they come, the only one of a small body into just as much memory: each may keep far more than its bytes, and a
 * body may come in as many pieces as it has bytes. `limit`, in bytes. Fails `TooLarge`, `InvalidInput`.
 */
export const gathered = (
  pieces: Stream.Stream<Uint8Array, HttpServerError.HttpServerError>,
  limit: number
): Effect.Effect<Uint8Array, HeraldError> =>
  Effect.suspend(() => {
    let bytes: Uint8Array<ArrayBuffer> = NONE
    let length = 0
    const take = (piece: Uint8Array) => {
      const wanted = length + piece.length
      if (wanted > bytes.length) {
        const larger = new Uint8Array(Math.min(limit, Math.max(2 * bytes.length, wanted)))
        larger.set(bytes.subarray(0, length))
        bytes = larger
      }
      bytes.set(piece, length)
      length = wanted
    }
    const read = Stream.runForEachArray(pieces, (some) => {
      for (const piece of some) {
        if (length + piece.length > limit)
          return Effect.fail(failure("TooLarge", `the body is larger than the ${limit} bytes that this route takes`))
        take(piece)
      }
      return Effect.void
    })
    return read.pipe(
      Effect.mapError((error) =>
        error._tag === "HttpServerError" ? failure("InvalidInput", "body: the connection ended before it did") : error
      ),
      // A copy of its own: threads get all of the memory that a view looks at.
      Effect.map(() => (length === bytes.length ? bytes : bytes.slice(0, length)))
    )
  })
