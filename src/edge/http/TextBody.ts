/**
 * Reads request bodies that are plain text, as bytes, as those of JSON are read.
 *
 *   B1, B7 in Body.ts · B6 in Budget.ts
 */
import { Effect } from "effect"
import type { HttpServerRequest } from "effect/http"
import { failure, type HeraldError } from "../../errors/HeraldError.ts"
import { Budget, reading } from "./Budget.ts"
import { bodyOf } from "./Gathered.ts"

const TEXT = /^text\/plain[\t ]*(?:;|$)/i
const CHARSET = /;[\t ]*charset[\t ]*=[\t ]*"?([^";\t ]*)/i
const UNPACKED = /^(?:[\t ]*identity[\t ]*)?$/i

const unreadable = (headers: Readonly<Record<string, string | undefined>>): string | undefined => {
  const type = headers["content-type"]
  const encoding = headers["content-encoding"]
  if (encoding !== undefined && !UNPACKED.test(encoding))
    return `content-encoding: this route takes bodies that are not compressed, not ${encoding.slice(0, 100)}`
  if (type === undefined) return undefined
  const charset = CHARSET.exec(type)?.[1]
  return TEXT.test(type) && (charset === undefined || /^utf-?8$/i.test(charset))
    ? undefined
    : `content-type: this route takes text/plain in UTF-8, not ${type.slice(0, 100)}`
}

/** `limit`, in bytes. What is made of the body (`use`) is made while its memory is counted. */
export const makeTextReader = Effect.map(
  Budget,
  (budget) =>
    (limit: number) =>
    <A, R>(
      request: HttpServerRequest.HttpServerRequest,
      use: (body: Uint8Array) => Effect.Effect<A, HeraldError, R>
    ): Effect.Effect<A, HeraldError, R> => {
      const { headers } = request
      const wrong = unreadable(headers)
      if (wrong !== undefined) return Effect.fail(failure("UnsupportedMediaType", wrong))
      const said = headers["content-length"]
      if (Number(said ?? 0) > limit)
        return Effect.fail(failure("TooLarge", `the body is larger than the ${limit} bytes that this route takes`))
      return reading(
        budget,
        said === undefined ? limit : Number(said),
        Effect.flatMap(bodyOf(request, headers, limit), use)
      )
    }
)
