/**
 * Lets in whoever shows a token of the issuer that is trusted: JWT.
 *
 *   UW1  What a token says counts after its signature, issuer, audience and times were checked, and what its bearer may is asked of the settings'
 *        rules. Nothing about it is kept but in memory.
 *   UW2  A token that was right is remembered by its digest until it ends, 1,000 of them in 1 MiB at most, of which those go that were not used for
 *        longest; and for no longer than its issuer has the keys of then, or than these count.
 *   UW3  Wrong tokens are limited by address, and those of whom no address is known together, before another signature is checked, also where they all
 *        come at once; so are long ones, which are none. What is remembered is not limited. Nor are others' wrong ones counted against a subject that was right at that address before:
 *        what claims to be theirs has a limit of its own, so nobody behind the same address keeps them out whose token was renewed.
 *   UW4  It is good for as long as its issuer said. Shown in the 30 s after that, as clocks differ, it is good for what is left of them.
 *   UW5  What came from a token ends with the key that signed it, once the issuer takes that back: what is open, tickets and service tokens.
 */
import { Cause, Clock, Effect, Exit } from "effect"
import { Weighed } from "../bounds/Weighed.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { Attempts } from "../limits/Attempts.ts"
import { millisOf } from "../telemetry/Monotonic.ts"
import { type ClaimRule, OF_ISSUER, passedOver, principalOf, ruleFor, shownOf } from "./ClaimRules.ts"
import { type Identity, identityOf } from "./Identity.ts"
import { LONGEST_TOKEN } from "./ServiceToken.ts"
import { SKEW, TokenVerifier, type TokenVerifierShape, type VerifiedToken } from "./TokenVerifier.ts"

/** UW2 */
const REMEMBERED = 1_000
const REMEMBERED_BYTES = 1_048_576
/** Of one that is remembered, beside its texts. */
const HELD = 512

/** UW3 */
const OF_ADDRESS = { perSecond: 1, burst: 20 }
const OF_NOBODY = { perSecond: 50, burst: 200 }

/** Subjects by address that were right, and bytes of one. UW3 */
const RIGHT = 10_000
const RIGHT_BYTES = 128

/** Milliseconds between two lines of the log that say why a rule was passed over. */
const TOLD = 60_000

/** Whom a token claims to be of, though nothing was checked yet. */
const claimedBy = (token: string): string | undefined => {
  if (token.length > LONGEST_TOKEN) return undefined
  try {
    const { sub } = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8")) as {
      sub?: unknown
    }
    return typeof sub === "string" && sub.length <= 255 ? sub : undefined
  } catch {
    return undefined
  }
}

export interface JwtOptions {
  readonly rules: ReadonlyArray<ClaimRule>
  /** The claim that is shown beside a principal; undefined: none. JU4 */
  readonly nameClaim: string | undefined
}

export interface Jwts {
  /** Who showed this one before, where it is still good. */
  readonly remembered: (token: string) => Identity | undefined
  /** Fails `Unauthenticated`, `NoGrant`, `IssuerUnavailable`, `RateLimited`. `address`: undefined where many share it. */
  readonly identify: (token: string, address: string | undefined) => Effect.Effect<Identity, HeraldError>
  /** Who acts for a subject later, as the rule by which they came says by now; undefined: it is one no longer. A7 */
  readonly later: (name: string, keyId: string) => Identity | undefined
  /**
   * Whether what a token gave is still good until its end, as far as is known without a question; undefined: the issuer has to be asked. Nothing is where no
   * issuer is trusted any more. UW5
   */
  readonly knownGood: (identity: Identity) => boolean | undefined
  /** The same, once it was asked. Never fails. UW5 */
  readonly isGood: (identity: Identity) => Effect.Effect<boolean>
}

interface Remembered {
  readonly identity: Identity
  /** UW4 */
  readonly late: Identity
  readonly generation: number | undefined
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

  const markOf = (rule: ClaimRule): string => digest(JSON.stringify(rule)).slice(0, 8)
  const byMark = new Map(rules.map((rule) => [markOf(rule), rule]))

  const right = new Weighed<boolean>(() => RIGHT_BYTES)
  let toldAt = Number.NEGATIVE_INFINITY

  /** Milliseconds of the monotonic clock. */
  const elapsed = () => millisOf(clock)
  const ofAddress = new Attempts(OF_ADDRESS, elapsed)
  const ofNobody = new Attempts(OF_NOBODY, elapsed)
  /** UW4 */
  const now = () => clock.currentTimeMillisUnsafe()
  const atThisTime = ({ identity, late }: Remembered): Identity | undefined => {
    const at = now()
    return at < identity.until! ? identity : at < late.until! ? late : undefined
  }

  const remembered = (token: string): Identity | undefined => {
    if (known.size === 0) return undefined
    const id = digest(token)
    const found = known.use(id)
    if (found === undefined) return undefined
    const identity = found.generation === verifier?.generation() ? atThisTime(found) : undefined
    if (identity === undefined) known.delete(id) // UW2
    return identity
  }

  const identityIn = Effect.fnUntraced(function* (verified: VerifiedToken) {
    const { claims } = verified
    const named = principalOf(verified)
    if ("wrong" in named) return yield* failure("Unauthenticated", named.wrong)
    const { name } = named
    const rule = ruleFor(rules, claims) // JU1
    const notes = passedOver(rules, claims)
    if (notes.length > 0 && elapsed() - toldAt >= TOLD) {
      toldAt = elapsed()
      yield* Effect.logWarning("a token's address was not taken, as it was not verified", {
        principal: name,
        reason: notes[0]
      }) // JU5
    }
    if (rule === undefined) {
      const why = [`none of the ${rules.length} rules of HERALD_OIDC_ROLES fits ${name}`, ...notes]
      return yield* failure("NoGrant", why.join("; "), { details: { principal: name } })
    }
    const shown = shownOf(claims, nameClaim)
    const who = digest(`${verified.issuer}\n${verified.subject}`).slice(0, 16)
    return identityOf({
      ...{ id: `${OF_ISSUER}${who}:${markOf(rule)}`, name, by: "jwt", until: verified.until, signer: verified.signer },
      ...(shown === undefined ? {} : { shown }),
      ...(notes.length === 0 ? {} : { notes }),
      ...rule.grant
    })
  })

  const rightAt = (subject: string, address: string | undefined) => digest(`${address ?? ""}\n${subject}`)

  /** What limits it. UW3 */
  const limitOf = (token: string, address: string | undefined): readonly [limit: Attempts, name: string] => {
    const shared = address === undefined ? ([ofNobody, ""] as const) : ([ofAddress, address] as const)
    if (right.size === 0 || shared[0].wait(shared[1]) === 0) return shared
    const subject = claimedBy(token)
    const own = subject === undefined ? undefined : rightAt(subject, address)
    return own !== undefined && right.use(own) === true ? [ofAddress, own] : shared
  }

  const wasRight = (subject: string, address: string | undefined): void => {
    right.set(rightAt(subject, address), true)
    right.trim(RIGHT * RIGHT_BYTES, RIGHT)
  }

  const verified = Effect.fnUntraced(function* (
    { generation: generationNow, verify }: TokenVerifierShape,
    token: string,
    address: string | undefined
  ) {
    if (token.length > LONGEST_TOKEN)
      return yield* failure("Unauthenticated", `the token has more than ${LONGEST_TOKEN} characters`)
    const generation = generationNow()
    const said = yield* verify(token)
    wasRight(said.subject, address)
    const identity = yield* identityIn(said)
    const late = { ...identity, until: identity.until! + SKEW }
    const bytes = HELD + 2 * JSON.stringify(identity).length
    const one = { identity, late, generation, bytes }
    if (generation !== undefined) known.set(digest(token), one) // else none of its keys counted yet
    known.trim(REMEMBERED_BYTES, REMEMBERED) // UW2
    const good = atThisTime(one)
    return good ?? (yield* failure("Unauthenticated", "the token has ended"))
  })

  /** An issuer that is away is nobody's fault who calls. */
  const isRight = (exit: Exit.Exit<Identity, HeraldError>): boolean =>
    Exit.isSuccess(exit) ||
    exit.cause.reasons.some((reason) => Cause.isFailReason(reason) && reason.error.row.http >= 500)

  const identify = Effect.fnUntraced(function* (token: string, address: string | undefined) {
    if (verifier === undefined)
      return yield* failure("Unauthenticated", "that is a JWT, and this server trusts no issuer (HERALD_OIDC_ISSUER)")
    const before = remembered(token)
    if (before !== undefined) return before
    const [limit, limited] = limitOf(token, address) // UW3
    return yield* limit.run(limited, {
      known: () => remembered(token),
      attempt: verified(verifier, token, address),
      isRight,
      refused: (wait) =>
        Effect.fail(
          failure("RateLimited", "too many wrong tokens came from this address", {
            details: { retryAfterMillis: wait }
          })
        )
    })
  })

  return {
    remembered,
    identify,
    later: (name, keyId) => {
      const rule = isOfIssuer(keyId) ? byMark.get(keyId.slice(keyId.lastIndexOf(":") + 1)) : undefined
      return rule && identityOf({ id: keyId, name, by: "jwt", ...rule.grant })
    },
    // What a node of before made does not say what signed it, and ends within the hour. UW5
    knownGood: ({ signer }) => verifier !== undefined && (signer === undefined || verifier.has(signer)),
    isGood: ({ signer }) =>
      verifier === undefined || signer === undefined
        ? Effect.succeed(verifier !== undefined)
        : verifier.stillHas(signer)
  }
})
