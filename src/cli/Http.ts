/**
 * Requests to the server's REST door.
 *
 *   CH1  A write always carries an Idempotency-Key, and every attempt of it the same one: it never writes twice.
 *   CH2  Only writes are repeated, only after 503, 504 or a broken connection, and only for `Retries.within`.
 *   CH5  A read that came too often (429) is repeated after the time that the server asks for, as long as that is within `Retries.within`.
 *   CH7  An empty name asks for nothing else: it is refused before it becomes the path of another route.
 *   CH4  What goes to this machine never goes through a proxy, whatever the environment tells the runtime.
 *   CH6  Where there are files for TLS, they are what is trusted and shown. A server that takes no such certificate closes, and that is said.
 *   CH3  A server that refuses the first connection isn't running: that is said at once.
 */
import process from "node:process"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { catalogue } from "../errors/Catalogue.ts"
import { backoff } from "../net/Backoff.ts"
import { printable } from "../text/Printable.ts"
import { withoutTokens } from "../text/Secrets.ts"
import { CliFailure, fromAnswer, stranger, unreachable, usage } from "./CliFailure.ts"
import { Shell } from "./Shell.ts"
import { isLoopback, type Target } from "./Target.ts"
import { fetchBy, type Reply } from "./Tls.ts"

export interface Call {
  readonly method: "GET" | "PUT" | "POST" | "PATCH" | "DELETE"
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly body?: unknown
  /** A body that is JSON text already, instead. */
  readonly json?: string
  /** A body that is plain text, instead. */
  readonly text?: Uint8Array
  /** Milliseconds until there has to be an answer, where it may take longer than any other. */
  readonly timeout?: number
  readonly headers?: Readonly<Record<string, string>>
  /** For writes: the user's own key; a random one otherwise. */
  readonly idempotencyKey?: string | undefined
  /** A POST that changes nothing, such as validate. */
  readonly readOnly?: boolean
  /** Statuses that are an answer, too. */
  readonly accepts?: ReadonlyArray<number>
  /** Is a read repeated that came too often? True unless it says no. */
  readonly patient?: boolean
  /** A write that the server can't recognise when it comes again: never repeated. */
  readonly once?: boolean
}

export interface Answer {
  readonly status: number
  readonly etag: string
  /** The server can't confirm that this is the newest. */
  readonly stale: boolean
  readonly body: unknown
  /** Its text, in which a value stands as it was written. */
  readonly raw: string
  /** What the server's clock said; "" when it said nothing. */
  readonly date: string
}

export const Retries = Context.Reference<{ readonly within: number; readonly first: number; readonly timeout: number }>(
  "herald/cli/Retries",
  { defaultValue: () => ({ within: 10_000, first: 200, timeout: 15_000 }) }
)

const MALFORMED = "malformed"

const systemCode = (error: unknown): string => {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const code = (at as { code?: unknown }).code
    if (typeof code === "string") return code
    if (at.name === "TimeoutError") return "no answer came in time"
    if (at instanceof AggregateError && at.errors[0] instanceof Error) return systemCode(at.errors[0])
  }
  return error instanceof Error ? error.message : MALFORMED
}

/** What was said where it went wrong. */
const deepest = (error: unknown): string => {
  let at = error
  for (let depth = 0; at instanceof Error && at.cause instanceof Error && depth < 5; depth++) at = at.cause
  return at instanceof Error ? at.message : ""
}

const url = (target: Target, call: Call): string => {
  const query = Object.entries(call.query ?? {})
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`)
  return `${target.server}${call.path}${query.length > 0 ? `?${query.join("&")}` : ""}`
}

/** CH4: Deno, and Node with NODE_USE_ENV_PROXY, look at these names at each request. */
const aroundProxies = (server: string): void => {
  if (!isLoopback(server)) return
  const { hostname } = new URL(server)
  for (const name of ["no_proxy", "NO_PROXY"]) {
    const known = process.env[name] ?? ""
    const missing = [hostname, hostname.replace(/^\[|\]$/g, "")].filter((host) => !known.split(",").includes(host))
    if (missing.length > 0) process.env[name] = [known, ...new Set(missing)].filter((one) => one !== "").join(",")
  }
}

/** A server that closes on a certificate can't say so. CH6 */
const closedOn = ({ secured }: Target, reason: string): string =>
  secured?.certificateChain !== undefined && /^(ECONNRESET|EPIPE)$|^ERR_SSL_|hang up/.test(reason)
    ? `it closed the connection (${reason}): it may not know the certificate's authority (TLS_CLIENT_CA), or the certificate was revoked`
    : reason

const once = (target: Target, call: Call, headers: Record<string, string>, timeout: number) =>
  Effect.gen(function* () {
    const answer = yield* Effect.tryPromise({
      try: async (signal) => {
        const asked = {
          method: call.method,
          headers,
          signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)]),
          ...(call.text !== undefined ? { body: call.text as Uint8Array<ArrayBuffer> } : {}),
          ...(call.json === undefined ? {} : { body: call.json }),
          ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) })
        }
        const { secured } = target
        if (secured !== undefined && target.server.startsWith("https://"))
          return await fetchBy(secured, url(target, call), asked) // CH6
        const response = await fetch(url(target, call), { ...asked, redirect: "error" })
        return { response: response as Reply, raw: await response.text() }
      },
      catch: (error) =>
        stranger(target.server, `${systemCode(error)} ${deepest(error)}`) ??
        unreachable(target.server, closedOn(target, systemCode(error)))
    })
    const { response, raw } = answer
    let body: unknown
    try {
      body = raw === "" ? undefined : JSON.parse(raw)
    } catch {
      body = undefined
    }
    if (response.ok && raw !== "" && body === undefined) {
      return yield* fromAnswer(target.server, response.status, undefined, "the answer is not JSON", "")
    }
    const accepted = call.accepts?.includes(response.status) === true && body !== undefined
    if (!response.ok && response.status !== 304 && !accepted) {
      const after = response.headers.get("retry-after") ?? ""
      const other = body === undefined ? stranger(target.server, raw) : undefined
      if (other !== undefined) return yield* other
      return yield* fromAnswer(target.server, response.status, body, raw, after)
    }
    return {
      status: response.status,
      etag: response.headers.get("etag") ?? "",
      stale: response.headers.get("herald-stale") === "true",
      date: response.headers.get("date") ?? "",
      body,
      raw
    } satisfies Answer
  })

const refused = (failure: CliFailure): boolean => failure.what.includes("ECONNREFUSED")

export const send = Effect.fn("Http.send")(function* (target: Target, call: Call) {
  if (!URL.canParse(target.server) || !/^https?:/.test(target.server)) {
    return yield* usage(`${target.server} is not a URL`, "Give --server or HERALD_SERVER as http://host:port.")
  }
  // A path of fetch has no empty or dotted parts: it would be that of another route. CH7
  if (call.path.split("/").some((part, at) => (at > 0 && part === "") || part === "." || part === ".."))
    return yield* usage(
      "a name, key or id is empty, or nothing but dots",
      "Give it; in a script, look whether the variable that it comes from is set."
    )
  aroundProxies(target.server)
  const shell = yield* Shell
  const retries = yield* Retries
  const writes = call.method !== "GET" && call.readOnly !== true
  const key = writes ? (call.idempotencyKey ?? (yield* shell.uuid)) : undefined
  const headers: Record<string, string> = {
    accept: "application/json, application/problem+json",
    "user-agent": "herald-cli",
    ...(call.body === undefined && call.json === undefined ? {} : { "content-type": "application/json" }),
    ...(call.text === undefined ? {} : { "content-type": "text/plain; charset=utf-8" }),
    ...(target.token === undefined ? {} : { authorization: `Bearer ${target.token}` }),
    ...(key === undefined ? {} : { "idempotency-key": key }), // CH1
    ...call.headers
  }
  const start = yield* Clock.currentTimeMillis
  for (let attempt = 0; ; attempt++) {
    const result = yield* Effect.result(once(target, call, headers, call.timeout ?? retries.timeout))
    if (Result.isSuccess(result)) return result.success
    const failure = result.failure
    const elapsed = (yield* Clock.currentTimeMillis) - start
    const own = backoff({ first: retries.first, longest: 3_000, spread: 0.5 }, attempt, Math.random())
    const wait = Math.max(Math.round(own), failure.retryAfter)
    const tooOften =
      !writes && call.patient !== false && failure.code === catalogue.RateLimited.code && failure.retryAfter > 0
    const broken = writes && call.once !== true && failure.retryable && !(attempt === 0 && refused(failure)) // CH3
    const again = tooOften || broken // CH2, CH5
    if (!again || elapsed + wait > retries.within) {
      if (broken && attempt > 0) {
        return yield* new CliFailure({
          ...failure,
          fix: `${failure.fix}\nRepeat it safely with: --idempotency-key ${key}`
        })
      }
      return yield* failure
    }
    const said = printable(failure.code === "" ? withoutTokens(failure.what) : `${failure.code} ${failure.title}`)
    const safely = key === undefined ? "" : " with the same idempotency key"
    yield* shell.progress(`${said}; trying again in ${(wait / 1000).toFixed(1)} s${safely}`)
    yield* Effect.sleep(wait)
  }
})

/** A key as one path segment: `/` inside a key is escaped. */
export const segment = (key: string): string => encodeURIComponent(key)
