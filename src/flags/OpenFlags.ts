/**
 * Who reads flags without an API key, which some providers can't send, and the pages of which origins read them from a browser. The same at every
 * door.
 *
 *   OK1  Without a key nothing can be had but flags of the environments that are named.
 *   OK2  Who has no key is limited in rate, and in streams (FT3): by address, so that one leaves room for others, and in all. Behind an address that
 *        many share, in all.
 *   OK3  Where it was not asked for, only programs of this machine read without a key: who came by a proxy, or as a page of the browser whose name
 *        leads here, is refused as anywhere.
 */
import { Clock, Context, Effect, Layer } from "effect"
import type { Identity } from "../access/Identity.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { RateLimits } from "../limits/RateLimits.ts"
import { countedAs, isLoopback, parseHost } from "../net/Address.ts"
import { makeOrigins, type Origins } from "../net/Origins.ts"
import { millisOf } from "../telemetry/Monotonic.ts"

export interface OpenFlagsOptions {
  /** Environments whose flags may be read without an API key. */
  readonly anonymous: ReadonlyArray<string>
  /** Only by programs of this machine. OK3 */
  readonly near: boolean
  /** Requests a second without a key, in all; half of them by one address. */
  readonly anonymousPerSecond: number
  /** Pages of these read flags. */
  readonly origins: ReadonlyArray<string>
  /** Whether many share an address, such as a proxy's. */
  readonly shared: (address: string) => boolean
}

/** What a door knows of a caller without an API key. */
export interface Stranger {
  /** Of its end of the connection. */
  readonly address: string
  /** What it calls this server, with or without a port. */
  readonly host: string
  /** Whether it came with such a header, in lower case. */
  readonly came: (header: string) => boolean
}

export class OpenFlags extends Context.Service<
  OpenFlags,
  {
    /** Whether anybody may call without an API key. */
    readonly open: boolean
    /** Who a stranger is. Undefined: nobody who may come in. `cost`: how many requests this one counts as. Fails `RateLimited`. OK1, OK2, OK3 */
    readonly admit: (stranger: Stranger, cost: number) => Effect.Effect<Identity | undefined, HeraldError>
    readonly origins: Origins
  }
>()("herald/flags/OpenFlags") {
  static readonly layer = (options: OpenFlagsOptions) => Layer.effect(OpenFlags, make(options))
}

/** Of an identity that is no key's. */
const NO_KEY = ""
export const isAnonymous = ({ keyId }: Identity): boolean => keyId === NO_KEY

/** What proxies add: RFC 7239, RFC 9110 §7.6.3 and what is usual. */
const ADDED = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"]

/** The host without its port; IPv6 is in brackets there. */
const hostOf = (named: string): string => {
  const host = parseHost(named.replace(/:\d{1,5}$/, ""))
  return typeof host === "string" ? host : ""
}

/** OK3 */
const isNear = ({ address, host, came }: Stranger): boolean =>
  isLoopback(address) && isLoopback(hostOf(host)) && !ADDED.some(came)

const make = Effect.fnUntraced(function* (options: OpenFlagsOptions) {
  const { anonymous, near, anonymousPerSecond: inAll, origins } = options
  const clock = yield* Clock.Clock
  const half = Math.max(1, Math.floor(inAll / 2))
  const all = new RateLimits({ perSecond: inAll, burst: 2 * inAll })
  const byAddress = new RateLimits({ perSecond: half, burst: 2 * half })
  const who: Identity = { name: "anonymous", keyId: NO_KEY, role: "subscriber", environments: anonymous, topics: [] }

  const admit = (stranger: Stranger, cost: number) =>
    Effect.suspend((): Effect.Effect<Identity | undefined, HeraldError> => {
      if (anonymous.length === 0 || (near && !isNear(stranger))) return Effect.undefined
      const now = millisOf(clock)
      const isShared = options.shared(stranger.address)
      const address = countedAs(stranger.address)
      const own = isShared ? 0 : byAddress.take(address, now, cost)
      const wait = own === 0 ? all.take("", now, cost) : own
      if (wait === 0) return Effect.succeed(isShared ? who : { ...who, address })
      const whose = own === 0 ? "callers without an API key make" : "this address makes"
      return Effect.fail(
        failure("RateLimited", `${whose} more requests a second than this server takes without one`, {
          details: { retryAfterMillis: wait }
        })
      )
    })

  return OpenFlags.of({
    open: anonymous.length > 0,
    admit,
    origins: makeOrigins({
      origins,
      methods: ["GET", "POST"],
      exposed: ["etag", "retry-after", "ratelimit", "ratelimit-policy"]
    })
  })
})
