/**
 * Reads request bodies: from bytes to checked JSON.
 *
 *   B1  A body is measured before it is kept, and kept before it is parsed: no more than its route's limit is ever in memory, in however many
 *       pieces it comes.
 *   B2  Text that is not UTF-8, nests too deep, or has keys that reach into JavaScript's prototypes is refused.
 *   B3  A field that is not in the contract is refused, so that a misspelt one is not silently ignored.
 *   B4  A value arrives as it stands in the body; a name given twice, or a number that JavaScript would change, is refused.
 *   B5  Whoever may not do what a route does is told so before the body is read.
 *   B7  A body is what its headers call it: anything but JSON in UTF-8, not compressed, is refused unread.
 */
import { Effect, Result, Schema } from "effect"
import type { HttpServerRequest } from "effect/http"
import { failure, type HeraldError } from "../../errors/HeraldError.ts"
import type { Carries } from "../../values/Written.ts"
import { Workers } from "../../work/Workers.ts"
import { Budget, reading } from "./Budget.ts"
import { bodyOf } from "./Gathered.ts"
import { schemaFailure } from "./Problem.ts"

const fail = (message: string) => failure("InvalidInput", message)

/** Parameters other than charset mean nothing: https://www.rfc-editor.org/rfc/rfc8259#section-11 */
const JSON_TYPE = /^application\/(?:json|[\w.+-]+\+json)[\t ]*(?:;|$)/i
const CHARSET = /;[\t ]*charset[\t ]*=[\t ]*"?([^";\t ]*)/i
const UNPACKED = /^(?:[\t ]*identity[\t ]*)?$/i

/** Which header says that the body is none that is read here. B7 */
const unreadable = (headers: Readonly<Record<string, string | undefined>>): string | undefined => {
  const type = headers["content-type"]
  const encoding = headers["content-encoding"]
  if (encoding !== undefined && !UNPACKED.test(encoding))
    return `content-encoding: this route takes bodies that are not compressed, not ${encoding.slice(0, 100)}`
  if (type === undefined) return undefined
  const charset = CHARSET.exec(type)?.[1]
  return JSON_TYPE.test(type) && (charset === undefined || /^utf-?8$/i.test(charset))
    ? undefined
    : `content-type: this route takes application/json in UTF-8, not ${type.slice(0, 100)}`
}

const parse = (
  bytes: Uint8Array,
  carries: Carries,
  workers: Workers["Service"],
  empty: unknown
): Effect.Effect<unknown, HeraldError> =>
  bytes.byteLength === 0
    ? empty === undefined
      ? Effect.fail(fail("body: it is empty; this route takes a JSON object"))
      : Effect.succeed(empty)
    : Effect.flatMap(workers.carry(bytes, carries), (found) =>
        found._tag === "Carried" ? Effect.succeed(found.json) : Effect.fail(fail(`body: ${found.reason}`))
      ) // B2, B4

/**
 * Makes a reader for the bodies of one route; values that a body carries arrive as `Written`. Fails `InvalidInput`, `TooLarge`,
 * `UnsupportedMediaType`, `RateLimited`, `Busy`, `Timeout`.
 */
export type BodyReader = <A>(
  schema: Schema.Codec<A, unknown>,
  /** Bytes. */
  limit: number,
  carries?: Carries,
  /** What no body at all stands for; undefined: it is refused. */
  empty?: unknown
) => (request: HttpServerRequest.HttpServerRequest) => Effect.Effect<A, HeraldError>

export const makeBodyReader = Effect.gen(function* () {
  const workers = yield* Workers
  const budget = yield* Budget
  const reader: BodyReader = (schema, limit, carries, empty) => readerOf(workers, budget, schema, limit, carries, empty)
  return reader
})

const readerOf = <A>(
  workers: Workers["Service"],
  budget: Budget["Service"],
  schema: Schema.Codec<A, unknown>,
  limit: number,
  carries: Carries = "nothing",
  empty: unknown = undefined
) => {
  const decode = Schema.decodeUnknownResult(schema, { onExcessProperty: "error" }) // B3
  const tooLarge = failure("TooLarge", `the body is larger than the ${limit} bytes that this route takes`)
  return (request: HttpServerRequest.HttpServerRequest): Effect.Effect<A, HeraldError> => {
    const { headers } = request // made anew whenever they are asked for
    const wrong = unreadable(headers)
    if (wrong !== undefined) return Effect.fail(failure("UnsupportedMediaType", wrong)) // B7
    const said = headers["content-length"]
    if (Number(said ?? 0) > limit) return Effect.fail(tooLarge) // B1
    const read = bodyOf(request, headers, limit).pipe(
      Effect.flatMap((bytes) => parse(bytes, carries, workers, empty)),
      Effect.flatMap((json) => {
        const found = decode(json)
        return Result.isSuccess(found)
          ? Effect.succeed(found.success)
          : Effect.fail(schemaFailure("body", found.failure))
      })
    )
    return reading(budget, said === undefined ? limit : Number(said), read)
  }
}
