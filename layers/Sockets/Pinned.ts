/**
 * Asks a server of somebody else, at an address that was checked.
 *
 *   WP1  The name is resolved once, every address of it is checked, and the connection goes to the one that was checked: an answer that
 *        changes between check and use (rebinding) changes nothing. Connections are not shared with later requests.
 *   WP2  No redirect is followed, and of the answer's body at most 64 KiB is read.
 *   WP3  It ends within the time limit, whatever the server and the resolver do.
 */
import { lookup } from "node:dns/promises"
import { type IncomingMessage, request as overHttp } from "node:http"
import { request as overHttps } from "node:https"
import { isIP, type LookupFunction } from "node:net"
import { Duration, Effect } from "effect"
import { formatAddress } from "../../src/net/Address.ts"
import { isPublic } from "./Addresses.ts"

export interface Asked {
  readonly method: "GET" | "POST"
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

export interface Limits {
  /** Milliseconds. WP3 */
  readonly timeout: number
  /** Whether addresses of this machine and of private networks may be used. */
  readonly allowPrivate: boolean
  /** All addresses of a name; the system's resolver when left out. */
  readonly resolve?: ((name: string) => Promise<ReadonlyArray<string>>) | undefined
}

export type Unanswered =
  | { readonly kind: "unreachable"; readonly why: string }
  | { readonly kind: "forbidden"; readonly why: string }

/** Bytes of an answer. WP2 */
export const READ = 65_536

const resolveAll = async (name: string): Promise<ReadonlyArray<string>> =>
  (await lookup(name, { all: true, verbatim: true })).map(({ address }) => address)

const send = <A>(
  { method, url, headers, body }: Asked,
  address: string,
  take: (response: IncomingMessage, resume: (taken: A) => void) => void
) =>
  Effect.callback<A, Error>((resume) => {
    const pinned: LookupFunction = (_, options, done) => {
      const family = isIP(address)
      if (options.all === true) done(null, [{ address, family }])
      else done(null, address, family)
    }
    const to = new URL(url)
    const request = (to.protocol === "https:" ? overHttps : overHttp)(to, {
      method,
      agent: false,
      lookup: pinned, // WP1
      maxHeaderSize: 16_384,
      headers: {
        ...headers,
        ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }),
        connection: "close"
      }
    })
    request.on("error", (error) => resume(Effect.fail(error)))
    request.on("response", (response) => {
      response.on("error", (error) => resume(Effect.fail(error)))
      take(response, (taken) => resume(Effect.succeed(taken)))
    })
    request.end(body)
    return Effect.sync(() => request.destroy())
  })

/** Without the brackets of an IPv6 address. */
const nameOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, "")

/** `host:port` of a URL, as settings name those who may be near. */
export const addressOf = (url: URL): string =>
  formatAddress({
    host: nameOf(url),
    port: Number(url.port === "" ? (url.protocol === "https:" ? 443 : 80) : url.port)
  })

export interface Kept {
  readonly kind: "answered"
  readonly status: number
  readonly body: string
}

/** Keeps the answer's body, and no more of it than `READ`. WP2 */
export const kept = (response: IncomingMessage, resume: (answer: Kept | Unanswered) => void): void => {
  const chunks: Array<Buffer> = []
  let seen = 0
  response.on("data", (chunk: Buffer) => {
    seen += chunk.length
    chunks.push(chunk)
    if (seen <= READ) return
    response.destroy()
    resume({ kind: "unreachable", why: `the answer is longer than ${READ / 1_024} KiB` })
  })
  response.on("end", () => {
    if (!response.complete || seen > READ) return
    resume({ kind: "answered", status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") })
  })
}

/** `take`: what is made of the answer, once its head is there. */
export const ask = <A>(
  asked: Asked,
  { timeout, allowPrivate, resolve = resolveAll }: Limits,
  take: (response: IncomingMessage, resume: (taken: A) => void) => void
): Effect.Effect<A | Unanswered> =>
  Effect.gen(function* () {
    const name = nameOf(new URL(asked.url))
    const attempt = { try: () => resolve(name), catch: (cause: unknown) => cause as Error }
    const addresses = isIP(name) === 0 ? yield* Effect.tryPromise(attempt) : [name]
    const bad = allowPrivate ? undefined : addresses.find((address) => !isPublic(address))
    if (bad !== undefined) {
      const why = `${name} is ${bad}, which is not a public address`
      return { kind: "forbidden", why } as const
    }
    if (addresses[0] === undefined) return { kind: "unreachable", why: `${name} has no address` } as const
    return yield* send(asked, addresses[0], take)
  }).pipe(
    Effect.timeoutOrElse({
      duration: timeout,
      orElse: () =>
        Effect.succeed<Unanswered>({
          kind: "unreachable",
          why: `no answer within ${Duration.format(Duration.millis(timeout))}`
        })
    }),
    Effect.catch((error: Error) =>
      Effect.succeed<Unanswered>({ kind: "unreachable", why: error.message || error.name })
    )
  )
