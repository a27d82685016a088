/**
 * Lets in whoever shows a token of the issuer that is trusted: JWT.
 *
 *   UW1  What a token says counts after its signature, issuer, audience and times were checked, and what its bearer may is asked of the settings'
 *        rules. Nothing about it is kept but in memory.
 *   UW2  A token that was right is remembered by its digest until it ends, 1,000 of them in 1 MiB at most, and for no longer than its issuer has the
 *        keys of then.
 *   UW3  Wrong tokens are limited by address, and those of whom no address is known together, before another signature is checked; so are long ones,
 *        which are none. What is remembered is not limited.
 *   UW4  It is good for as long as its issuer said. Shown in the 30 s after that, as clocks differ, it is good for what is left of them.
 */
import { Clock, Effect } from "effect"
import { Weighed } from "../bounds/Weighed.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { RateLimits } from "../limits/RateLimits.ts"
import { millisOf } from "../telemetry/Monotonic.ts"
import { type ClaimRule, OF_ISSUER, principalOf, ruleFor } from "./ClaimRules.ts"
import { type Identity, identityOf } from "./Identity.ts"
import { LONGEST_TOKEN } from "./ServiceToken.ts"
import { SKEW, TokenVerifier, type VerifiedToken } from "./TokenVerifier.ts"

/** UW2 */
const REMEMBERED = 1_000
const REMEMBERED_BYTES = 1_048_576
/** Of one that is remembered, beside its texts. */
const HELD = 512

/** UW3 */
const OF_ADDRESS = { perSecond: 1, burst: 20 }
const OF_NOBODY = { perSecond: 50, burst: 200 }

export interface JwtOptions {
  readonly rules: ReadonlyArray<ClaimRule>
  /** The claim that names a principal; undefined: `sub`. */
  readonly nameClaim: string | undefined
}

export interface Jwts {
  /** Who showed this one before, where it is still good. */
  readonly remembered: (token: string) => Identity | undefined
  /** Fails `Unauthenticated`, `NoGrant`, `IssuerUnavailable`, `RateLimited`. `address`: undefined where many share it. */
  readonly identify: (token: string, address: string | undefined) => Effect.Effect<Identity, HeraldError>
  /** Who acts for a subject later, as the rule by which they came says by now; undefined: it is one no longer. A7 */
  readonly later: (name: string, keyId: string) => Identity | undefined
}

interface Remembered {
  readonly identity: Identity
  /** UW4 */
  readonly late: Identity
  readonly generation: number
  readonly bytes: number
}

export const isOfIssuer = (keyId: string): boolean => keyId.startsWith(OF_ISSUER)

export const makeJwts = Effect.fnUntraced(function* (
  { rules, nameClaim }: JwtOptions,
  digest: (text: string) => string
): Effect.fn.Return<Jwts> {
  const verifier = yield* TokenVerifier
  const clock = yield* Clock.Clock
  const known = new Weighed<Remembered>(({ bytes }) => bytes)
  const ofAddress = new RateLimits(OF_ADDRESS)
  const ofNobody = new RateLimits(OF_NOBODY)

  const markOf = (rule: ClaimRule): string => digest(JSON.stringify(rule)).slice(0, 8)
  const byMark = new Map(rules.map((rule) => [markOf(rule), rule]))

  /** UW4 */
  const now = () => clock.currentTimeMillisUnsafe()
  const atThisTime = ({ identity, late }: Remembered): Identity | undefined => {
    const at = now()
    return at < identity.until! ? identity : at < late.until! ? late : undefined
  }

  const remembered = (token: string): Identity | undefined => {
    if (known.size === 0) return undefined
    const id = digest(token)
    const found = known.get(id)
    if (found === undefined) return undefined
    const identity = found.generation === verifier?.generation() ? atThisTime(found) : undefined
    if (identity === undefined) known.delete(id) // UW2
    return identity
  }

  const identityIn = Effect.fnUntraced(function* (verified: VerifiedToken) {
    const named = principalOf(verified, nameClaim)
    if ("wrong" in named) return yield* failure("Unauthenticated", named.wrong)
    const { name } = named
    const rule = ruleFor(rules, verified.claims) // JU1
    if (rule === undefined) {
      return yield* failure("NoGrant", `none of the ${rules.length} rules of HERALD_OIDC_ROLES fits ${name}`, {
        details: { principal: name }
      })
    }
    const who = digest(`${verified.issuer}\n${verified.subject}`).slice(0, 16)
    return identityOf({
      ...{ id: `${OF_ISSUER}${who}:${markOf(rule)}`, name, by: "jwt", until: verified.until },
      ...rule.grant
    })
  })

  /** UW3 */
  const tooMany = (address: string | undefined): HeraldError | undefined => {
    const wait = address === undefined ? ofNobody.wait("", millisOf(clock)) : ofAddress.wait(address, millisOf(clock))
    return wait === 0
      ? undefined
      : failure("RateLimited", "too many wrong tokens came from this address", { details: { retryAfterMillis: wait } })
  }
  const wasWrong = (address: string | undefined): void =>
    void (address === undefined ? ofNobody.take("", millisOf(clock)) : ofAddress.take(address, millisOf(clock)))

  const identify = Effect.fnUntraced(function* (token: string, address: string | undefined) {
    if (verifier === undefined)
      return yield* failure("Unauthenticated", "that is a JWT, and this server trusts no issuer (HERALD_OIDC_ISSUER)")
    const before = remembered(token)
    if (before !== undefined) return before
    const refused = tooMany(address) // UW3
    if (refused !== undefined) return yield* refused
    const generation = verifier.generation()
    const checked =
      token.length > LONGEST_TOKEN
        ? Effect.fail(failure("Unauthenticated", `the token has more than ${LONGEST_TOKEN} characters`))
        : Effect.flatMap(verifier.verify(token), identityIn)
    // An issuer that is away is nobody's fault who calls.
    const identity = yield* Effect.tapError(checked, ({ row }) =>
      Effect.sync(() => row.http < 500 && wasWrong(address))
    )
    const late = { ...identity, until: identity.until! + SKEW }
    const one = { identity, late, generation, bytes: HELD + 2 * JSON.stringify(identity).length }
    known.set(digest(token), one)
    known.trim(REMEMBERED_BYTES, REMEMBERED) // UW2
    const good = atThisTime(one)
    return good ?? (yield* failure("Unauthenticated", "the token has ended"))
  })

  return {
    remembered,
    identify,
    later: (name, keyId) => {
      const rule = isOfIssuer(keyId) ? byMark.get(keyId.slice(keyId.lastIndexOf(":") + 1)) : undefined
      return rule && identityOf({ id: keyId, name, by: "jwt", ...rule.grant })
    }
  }
})
