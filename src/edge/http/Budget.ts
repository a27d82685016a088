/**
 * Memory for bodies.
 *
 *   B6  Bodies that are being read and parsed hold at most 64 MiB of this process in all; one that would be more is told to come again.
 */
import { Effect } from "effect"
import { failure, type HeraldError } from "../../errors/HeraldError.ts"

/** Bytes. */
export const IN_ALL = 67_108_864
/** Milliseconds. */
const AGAIN = 1_000

/** Of the process, as memory is. */
let underWay = 0

/** `bytes`: how long the body is, or may be. */
export const reading = <A, E, R>(bytes: number, read: Effect.Effect<A, E, R>): Effect.Effect<A, E | HeraldError, R> =>
  Effect.suspend((): Effect.Effect<A, E | HeraldError, R> => {
    if (underWay > 0 && underWay + bytes > IN_ALL) {
      const message = `the server is reading ${underWay} bytes of other requests`
      return Effect.fail(failure("RateLimited", message, { details: { retryAfterMillis: AGAIN } }))
    }
    underWay += bytes
    return Effect.ensuring(
      read,
      Effect.sync(() => {
        underWay -= bytes
      })
    )
  })
