/**
 * Signs in at an issuer of tokens by the device code (RFC 8628), renews tokens (RFC 6749) and gives them back (RFC 7009). The protocol is oauth4webapi's.
 *
 *   VI1  The issuer, and each address that its discovery names, is asked by https, on this machine by http too, and no redirect is followed.
 *   VI2  No question takes longer than 4 s. Nothing of a token or a device's code is in what is told of a failure.
 *   VI3  It is asked as often as it says: every `interval`, 5 s more after each `slow_down`, half as often after each answer that did not come, and never after the code's end.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { AuthorizationServer, ResponseBodyError } from "oauth4webapi"
import { catalogue } from "../errors/Catalogue.ts"
import { isLoopback } from "../net/Address.ts"
import { millisOf } from "../telemetry/Monotonic.ts"
import { CliFailure } from "./CliFailure.ts"

/** As the server says it. */
export interface Offer {
  readonly issuer: string
  readonly client: string
  /** With spaces between. */
  readonly scope: string
  readonly audience: string
}

export interface Tokens {
  readonly token: string
  /** Undefined: it can't be renewed. */
  readonly refresh: string | undefined
  /** Milliseconds since 1970. */
  readonly until: number
}

export interface Shown {
  /** Where the code is typed in, and the same with the code. */
  readonly at: string
  readonly whole: string | undefined
  readonly code: string
}

/** Milliseconds. VI2 */
const TIMEOUT = 4_000
/** Seconds, where an issuer says nothing. RFC 8628, 3.2 */
const INTERVAL = 5
/** Seconds of a token whose issuer does not say how long it lasts. */
const LASTS = 300
const LONGEST = 300
const DENIED = catalogue.Unauthenticated.exit
const AWAY = catalogue.IssuerUnavailable.exit

const library = Effect.promise(() => import("oauth4webapi"))

/** What it says of an error in the protocol's own words, such as `invalid_grant`; "": it said none. */
export const codeOf = (cause: unknown): string => {
  const { name, error } = cause as Partial<ResponseBodyError>
  return name === "ResponseBodyError" && typeof error === "string" ? error : ""
}

const wordsOf = (cause: unknown): string => {
  const code = codeOf(cause)
  if (code !== "") {
    const { error_description: more } = cause as ResponseBodyError
    return more === undefined ? code : `${code}: ${more.slice(0, LONGEST)}`
  }
  if (!(cause instanceof Error)) return "it could not be asked"
  if (cause.name === "TimeoutError") return `no answer came within ${TIMEOUT / 1_000} s`
  const below =
    cause.cause instanceof Error ? cause.cause.message || (cause.cause as { code?: string }).code : undefined
  return (below ?? cause.message).slice(0, LONGEST)
}

const failed = (issuer: string, what: string, fix: string, exit: number): CliFailure =>
  new CliFailure({
    ...{ code: "", title: `The issuer ${issuer} gave no token`, what, why: "", fix, exit },
    ...{ trace: "", retryable: false, retryAfter: 0 }
  })

/** RFC 8707, and as others call the same. Only where it is a place: some refuse what is none. */
const forWhat = ({ audience }: Offer): Record<string, string> =>
  /^https?:\/\//.test(audience) ? { resource: audience, audience } : {}

const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, "")

/** VI1. Fails with what to say. */
const asking = Effect.fnUntraced(function* (offer: Offer) {
  const url = URL.parse(offer.issuer)
  const isNear = url !== null && isLoopback(hostOf(url))
  if (url === null || !(url.protocol === "https:" || (url.protocol === "http:" && isNear)))
    return yield* failed(
      offer.issuer,
      "it is not at an address with https",
      "Have the server name another one.",
      DENIED
    )
  const oauth = yield* library
  const client = { client_id: offer.client }
  const options = () => ({
    signal: AbortSignal.timeout(TIMEOUT),
    ...(isNear && url.protocol === "http:" ? { [oauth.allowInsecureRequests]: true } : {})
  })
  const attempt = <A>(ask: () => Promise<A>, exit = AWAY) =>
    Effect.tryPromise({ try: ask, catch: (cause) => cause }).pipe(
      Effect.mapError((cause) => ({
        cause,
        failure: failed(
          ...([offer.issuer, wordsOf(cause)] as const),
          codeOf(cause) === "" ? "Try again; or ask whoever runs the issuer." : "Ask whoever runs the issuer.",
          codeOf(cause) === "" ? exit : DENIED
        )
      }))
    )
  const as: AuthorizationServer = yield* attempt(async () =>
    oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, options()))
  ).pipe(Effect.mapError(({ failure }) => failure))
  return { oauth, client, options, attempt, as, none: oauth.None() }
})

interface Answered {
  readonly access_token: string
  readonly refresh_token?: string | undefined
  readonly expires_in?: number | undefined
}

const tokensIn = Effect.fnUntraced(function* (offer: Offer, answered: Answered, before?: string) {
  const now = yield* Clock.currentTimeMillis
  if (!/^[\w-]+\.[\w-]+\.[\w-]*$/.test(answered.access_token))
    return yield* failed(
      offer.issuer,
      "its token is no JWT, so no server could check it",
      "Whoever runs the server: have the issuer give JWTs for HERALD_OIDC_AUDIENCE, or ask for a scope that does (HERALD_OIDC_SCOPE).",
      DENIED
    )
  return {
    token: answered.access_token,
    refresh: answered.refresh_token ?? before,
    until: now + (answered.expires_in ?? LASTS) * 1_000
  } satisfies Tokens
})

/** `show` is told what a person has to do. VI3 */
export const signIn = Effect.fn("Issuer.signIn")(function* <R>(
  offer: Offer,
  show: (shown: Shown) => Effect.Effect<void, never, R>
) {
  const { oauth, client, options, attempt, as, none } = yield* asking(offer)
  if (as.device_authorization_endpoint === undefined)
    return yield* failed(offer.issuer, "it takes no codes of devices (RFC 8628)", "Use an API key.", DENIED)
  const wanted = { scope: offer.scope, ...forWhat(offer) }
  const clock = yield* Clock.Clock
  const began = yield* attempt(async () =>
    oauth.processDeviceAuthorizationResponse(
      as,
      client,
      await oauth.deviceAuthorizationRequest(as, client, none, wanted, options())
    )
  ).pipe(Effect.mapError(({ failure }) => failure))
  const { verification_uri: at, verification_uri_complete: whole, user_code: code } = began
  if (!/^https?:\/\//.test(at) || (whole !== undefined && !/^https?:\/\//.test(whole)))
    return yield* failed(offer.issuer, "it names no page to sign in at", "Ask whoever runs the issuer.", DENIED)
  yield* show({ at, whole, code })
  const end = millisOf(clock) + began.expires_in * 1_000
  let interval = Math.max(1, began.interval ?? INTERVAL)
  for (;;) {
    yield* Effect.sleep(`${interval} seconds`)
    if (millisOf(clock) >= end)
      return yield* failed(offer.issuer, "the code's time is over", "Begin again: herald login", DENIED)
    const asked = yield* Effect.result(
      attempt(async () =>
        oauth.processDeviceCodeResponse(
          as,
          client,
          await oauth.deviceCodeGrantRequest(as, client, none, began.device_code, {
            ...options(),
            additionalParameters: forWhat(offer)
          })
        )
      )
    )
    if (asked._tag === "Success") return yield* tokensIn(offer, asked.success)
    const { cause, failure } = asked.failure
    const said = codeOf(cause)
    if (said === "slow_down") interval += 5
    else if (said === "" && isUnanswered(cause)) interval = Math.min(60, interval * 2)
    else if (said !== "authorization_pending") return yield* failure
  }
})

/** It did not answer, rather than something that is wrong. */
const isUnanswered = (cause: unknown): boolean =>
  cause instanceof TypeError || (cause instanceof Error && cause.name === "TimeoutError")

/** The issuer may give another token for renewal, and take this one no more. */
export const renew = Effect.fn("Issuer.renew")(function* (offer: Offer, refresh: string) {
  const { oauth, client, options, attempt, as, none } = yield* asking(offer)
  const answered = yield* attempt(async () =>
    oauth.processRefreshTokenResponse(
      as,
      client,
      await oauth.refreshTokenGrantRequest(as, client, none, refresh, {
        ...options(),
        additionalParameters: forWhat(offer)
      })
    )
  ).pipe(Effect.mapError(({ failure }) => failure))
  return yield* tokensIn(offer, answered, refresh)
})

/** Succeeds also where the issuer has no way to. */
export const giveBack = Effect.fn("Issuer.giveBack")(function* (
  offer: Offer,
  { token, refresh }: Omit<Tokens, "until">
) {
  const { oauth, client, options, attempt, as, none } = yield* asking(offer)
  if (as.revocation_endpoint === undefined) return
  yield* attempt(async () =>
    oauth.processRevocationResponse(
      await oauth.revocationRequest(as, client, none, refresh ?? token, {
        ...options(),
        additionalParameters: { token_type_hint: refresh === undefined ? "access_token" : "refresh_token" }
      })
    )
  ).pipe(Effect.mapError(({ failure }) => failure))
})
