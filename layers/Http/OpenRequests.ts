/**
 * Limits requests that need no token.
 *
 *   HS6  An address makes a limited number of them a second, the dearer the fewer; wrong tokens count too. Whoever has a token is not held
 *        up by others of its address, and neither is who only asks whether the server is well.
 *        Who asks for flags is limited elsewhere: with a key by its rate, without one by OK2.
 *   HS7  What an address may ask of `/metrics` is used up by nothing else: monitoring goes on behind a proxy from which wrong tokens come.
 */

import type { IncomingMessage, ServerResponse } from "node:http"
import type { Refuse } from "../../src/access/Refusals.ts"
import { problemOf } from "../../src/edge/http/Problem.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { RateLimits } from "../../src/limits/RateLimits.ts"
import { countedAs } from "../../src/net/Address.ts"
import { addressOf } from "../Sockets/Gate.ts"
import { certificateOf } from "../Sockets/PeerCertificate.ts"

export interface OpenRequestOptions {
  readonly perSecond: number
  readonly burst: number
  readonly isExempt: (address: string) => boolean
}

/** Tokens of the bucket. */
const WRONG_TOKEN = 5
/** Where a path ends for the router. */
const QUERY = /[?;#]/
const METRICS = /^\/metrics$/
const costs: ReadonlyArray<readonly [path: RegExp, cost: number]> = [
  [/^\/(livez|readyz)$/, 0],
  [/^\/(docs(\/.*)?|openapi\.json|metrics)$/, 10]
]

/** The path as the router reads it. */
const routed = (path: string): string => {
  const short = path.replace(/\/{2,}/g, "/").replace(/(?<=.)\/$/, "")
  try {
    return decodeURI(short).toLowerCase()
  } catch {
    return short
  }
}

/** Where a token may come as a cookie: ByCookie in src/edge/http/Authentication.ts. */
const BY_COOKIE = /^\/v1\/(events|topics\/[^/]+\/stream)$/
const COOKIE = /(?:^|;) *herald-token=/

/** A certificate that TLS checked stands in a token's place: what its bearer may do is asked like a token's. */
const hasToken = (path: string, { headers, socket }: IncomingMessage): boolean =>
  headers.authorization !== undefined ||
  (BY_COOKIE.test(path) && COOKIE.test(headers.cookie ?? "")) ||
  certificateOf(socket) !== undefined

/** Where who has no API key is limited with what it may have: OK2 in src/flags/OpenFlags.ts */
const ofFlags = (path: string): boolean => path.startsWith("/ofrep/") || path === "/v1/flagd"

const isOpen = (path: string, request: IncomingMessage): boolean =>
  !ofFlags(path) && (!/^(\/api)?\/v1\//.test(path) || path.startsWith("/v1/errors/") || !hasToken(path, request))

export const openRequests = (options: OpenRequestOptions, refuse: Refuse) => {
  const rates = new RateLimits(options)
  const metrics = new RateLimits(options) // HS7
  /** False: it was answered. */
  const admit = (request: IncomingMessage, response: ServerResponse): boolean => {
    const address = addressOf(request.socket)
    if (options.isExempt(address)) return true
    const path = request.url?.split(QUERY)[0] ?? ""
    if (!isOpen(path, request)) {
      response.once("finish", () => {
        if (response.statusCode === 401) rates.take(countedAs(address), performance.now(), WRONG_TOKEN)
      })
      return true
    }
    const asked = routed(path)
    const cost = costs.find(([pattern]) => pattern.test(asked))?.[1] ?? 1
    const wait =
      cost === 0 ? 0 : (METRICS.test(asked) ? metrics : rates).take(countedAs(address), performance.now(), cost)
    if (wait === 0) return true
    refuse("open_requests_of_address", address)
    const problem = problemOf(failure("RateLimited", "this address makes too many requests that need no token"))
    response.writeHead(429, {
      "content-type": "application/problem+json",
      "retry-after": String(Math.max(1, Math.ceil(wait / 1_000))),
      // HTTP/2 has no such header: Streams.ts counts what is refused on a connection. HT3
      ...(request.httpVersionMajor === 2 ? {} : { connection: "close" })
    })
    response.end(JSON.stringify(problem))
    return false
  }
  /** Of what is no longer a request: a WebSocket. */
  const wrongToken = (address: string): void => {
    if (!options.isExempt(address)) rates.take(countedAs(address), performance.now(), WRONG_TOKEN)
  }
  return { admit, wrongToken }
}
