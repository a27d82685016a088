/**
 * Request bodies: bytes → checked JSON.
 *
 *   B1  A body is measured before it is kept, and kept before it is parsed: no more than its route's limit is ever in memory.
 *   B2  Text that is not UTF-8, nests too deep, or has keys that reach into JavaScript's prototypes is refused.
 *   B3  A field that is not in the contract is refused, so that a misspelt one is not silently ignored.
 */
import { ByteSize, Effect, Schema } from "effect"
import { HttpIncomingMessage, type HttpServerRequest } from "effect/http"
import { limits } from "../../configuration/Configuration.ts"
import { failure, type HeraldError } from "../../errors/HeraldError.ts"
import { schemaFailure } from "./Problem.ts"

/** Bytes. A value may double in size when it travels as a JSON string. */
export const bodyLimits = {
  small: 65_536,
  publish: 2 * (limits.value + limits.schema) + 65_536,
  release: 2 * limits.release + 65_536
} as const

const FORBIDDEN = new Set(["__proto__", "constructor", "prototype"])
/** A value may nest `limits.depth` deep inside of the request. */
const DEPTH = limits.depth + 4

const decoder = new TextDecoder("utf-8", { fatal: true })
const fail = (message: string) => failure("InvalidInput", message)

/** B2. Undefined when nothing is wrong. */
const wrongIn = (value: unknown, depth: number): string | undefined => {
  if (typeof value === "number") {
    return Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21
      ? `the number ${value} has more digits than JSON numbers keep; send the value as text, in quotes`
      : undefined
  }
  if (typeof value !== "object" || value === null) return undefined
  if (depth >= DEPTH) return `it nests deeper than ${limits.depth} levels`
  if (Array.isArray(value)) {
    for (const item of value) {
      const wrong = wrongIn(item, depth + 1)
      if (wrong !== undefined) return wrong
    }
    return undefined
  }
  for (const key of Object.keys(value)) {
    if (FORBIDDEN.has(key)) return `the name ${key} is not allowed in it`
    const wrong = wrongIn((value as Record<string, unknown>)[key], depth + 1)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

const JSON_TYPES = /^(application\/json|application\/[\w.+-]+\+json|text\/plain|application\/x-www-form-urlencoded)\b/i

const parse = (bytes: ArrayBuffer): Effect.Effect<unknown, HeraldError> =>
  Effect.suspend(() => {
    let text: string
    try {
      text = decoder.decode(bytes)
    } catch {
      return Effect.fail(fail("body: it is not valid UTF-8"))
    }
    if (text === "") return Effect.fail(fail("body: it is empty; this route takes a JSON object"))
    let json: unknown
    try {
      json = JSON.parse(text)
    } catch (error) {
      return Effect.fail(
        fail(`body: it is not JSON: ${error instanceof Error ? error.message.slice(0, 200) : "unreadable"}`)
      )
    }
    const wrong = wrongIn(json, 0)
    return wrong === undefined ? Effect.succeed(json) : Effect.fail(fail(`body: ${wrong}`))
  })

/** A reader for one route's bodies. */
export const bodyReader = <A>(schema: Schema.Codec<A, unknown>, limit: number) => {
  const decode = Schema.decodeUnknownEffect(schema, { onExcessProperty: "error" }) // B3
  const tooLarge = failure("TooLarge", `the body is larger than the ${limit} bytes that this route takes`)
  return (request: HttpServerRequest.HttpServerRequest): Effect.Effect<A, HeraldError> => {
    const type = request.headers["content-type"]
    if (type !== undefined && !JSON_TYPES.test(type)) {
      return Effect.fail(fail(`content-type: this route takes application/json, not ${type.slice(0, 100)}`))
    }
    if (Number(request.headers["content-length"] ?? 0) > limit) return Effect.fail(tooLarge) // B1
    return request.arrayBuffer.pipe(
      Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(limit)),
      Effect.mapError((error) =>
        error.reason._tag === "RequestParseError" && error.reason.reason === "BodyTooLarge"
          ? tooLarge
          : fail("body: the connection ended before it did")
      ),
      Effect.flatMap(parse),
      Effect.flatMap((json) => Effect.mapError(decode(json), (error) => schemaFailure("body", error)))
    )
  }
}
