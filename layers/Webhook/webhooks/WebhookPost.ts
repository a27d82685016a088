/**
 * Posts a webhook, to an address that was checked.
 *
 *   WP1  The name is resolved once, every address of it is checked, and the connection goes to the one that was checked: an answer that
 *        changes between check and use (rebinding) changes nothing. Connections are not shared with later posts.
 *   WP2  No redirect is followed, and of the answer's body nothing is kept and at most 64 KiB is read.
 *   WP3  It ends within the time limit, whatever the receiver and the resolver do.
 */

import { lookup } from "node:dns/promises"
import { type IncomingMessage, request as overHttp } from "node:http"
import { request as overHttps } from "node:https"
import { isIP, type LookupFunction } from "node:net"
import { Duration, Effect, Layer } from "effect"
import type { Reply } from "../../../src/webhooks/Webhook.ts"
import { type Post, WebhookPost } from "../../../src/webhooks/WebhookPost.ts"
import { isPublic } from "./Addresses.ts"
import { retryAfterOf } from "./RetryAfter.ts"

export interface PostOptions {
  /** Milliseconds. WP3 */
  readonly timeout: number
  /** Whether addresses of this machine and of private networks may be used. */
  readonly allowPrivate: boolean
  /** All addresses of a name; the system's resolver when left out. */
  readonly resolve?: (name: string) => Promise<ReadonlyArray<string>>
}

const READ = 65_536

const resolveAll = async (name: string): Promise<ReadonlyArray<string>> =>
  (await lookup(name, { all: true, verbatim: true })).map(({ address }) => address)

/** Drops the answer's body, and the connection when it is long. WP2 */
const discard = (response: IncomingMessage) => {
  let seen = 0
  response.on("data", (chunk: Buffer) => {
    seen += chunk.length
    if (seen > READ) response.destroy()
  })
  response.on("error", () => {})
}

const send = (url: URL, address: string, { headers, body }: Post) =>
  Effect.callback<Reply, Error>((resume) => {
    const pinned: LookupFunction = (_, options, done) => {
      const family = isIP(address)
      if (options.all === true) done(null, [{ address, family }])
      else done(null, address, family)
    }
    const request = (url.protocol === "https:" ? overHttps : overHttp)(url, {
      method: "POST",
      agent: false,
      lookup: pinned, // WP1
      maxHeaderSize: 16_384,
      headers: { ...headers, "content-length": Buffer.byteLength(body), connection: "close" }
    })
    request.on("error", (error) => resume(Effect.fail(error)))
    request.on("response", (response) => {
      const retryAfterMillis = retryAfterOf(response.headers["retry-after"], Date.now())
      discard(response) // WP2
      resume(Effect.succeed({ kind: "answered", status: response.statusCode ?? 0, retryAfterMillis }))
    })
    request.end(body)
    return Effect.sync(() => request.destroy())
  })

/** Without the brackets of an IPv6 address. */
const nameOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, "")

export const layer = ({ timeout, allowPrivate, resolve = resolveAll }: PostOptions) =>
  Layer.succeed(WebhookPost, {
    timeout,
    post: Effect.fnUntraced(
      function* (post) {
        const url = new URL(post.url)
        const name = nameOf(url)
        const attempt = { try: () => resolve(name), catch: (cause: unknown) => cause as Error }
        const addresses = isIP(name) === 0 ? yield* Effect.tryPromise(attempt) : [name]
        const bad = allowPrivate ? undefined : addresses.find((address) => !isPublic(address))
        if (bad !== undefined)
          return { kind: "forbidden", why: `${name} is ${bad}, which is not a public address` } as const
        if (addresses[0] === undefined) return { kind: "unreachable", why: `${name} has no address` } as const
        return yield* send(url, addresses[0], post)
      },
      Effect.timeoutOrElse({
        duration: timeout,
        orElse: () =>
          Effect.succeed<Reply>({
            kind: "unreachable",
            why: `no answer within ${Duration.format(Duration.millis(timeout))}`
          })
      }),
      Effect.catch((error: Error) => Effect.succeed<Reply>({ kind: "unreachable", why: error.message || error.name }))
    )
  })
