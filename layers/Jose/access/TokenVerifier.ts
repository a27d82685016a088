/**
 * Checks tokens of one issuer with jose.
 *
 *   JV1  Only what is signed with one of the algorithms of the settings counts, none of which works with a secret, and never `none`: what checks a signature
 *        can't make one. What says that it has to be understood (`crit`) and is not, is refused.
 *   JV2  It is of this issuer, for this audience, and says of itself that it is for access, or nothing: not one that logs somebody out or tells of an event
 *        (`typ`, `events`), no proof of a key, no identity from a browser's sign-in (`nonce`, `c_hash`, `s_hash`), and none that counts only with the
 *        proof of a key (`cnf`), which nobody asks for here.
 *   JV3  It ends, and at most 24 h from now; it has begun. Clocks may differ by 30 s.
 *   JV4  What is wrong is said without a word of the token.
 */
import { Clock, Effect, Layer } from "effect"
import {
  calculateJwkThumbprint,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  jwtVerify,
  type ProtectedHeaderParameters
} from "jose"
import { SKEW, TokenVerifier, type VerifiedToken } from "../../../src/access/TokenVerifier.ts"
import { failure, HeraldError } from "../../../src/errors/HeraldError.ts"
import { type KeysOptions, makeKeys } from "../Keys.ts"

export interface TokenVerifierOptions extends KeysOptions {
  readonly audience: string
  readonly algorithms: ReadonlyArray<string>
}

/** Milliseconds. JV3 */
const LONGEST = 86_400_000

/** RFC 9068, RFC 7519. JV2 */
const TYPES = /^(application\/)?(jwt|at\+jwt)$/i

/** Claims that a token for access doesn't have: RFC 8417, OpenID Connect Core and Back-Channel Logout, RFC 7800. JV2 */
const ELSEWHERE = [
  ["events", "it tells of an event, such as the end of a session"],
  ["nonce", "it is an identity for the page of a sign-in, not a token for access"],
  ["c_hash", "it is an identity for the page of a sign-in, not a token for access"],
  ["s_hash", "it is an identity for the page of a sign-in, not a token for access"],
  ["cnf", "it counts only with the proof of a key, which this server does not take"]
] as const

const said = (error: errors.JOSEError): string => {
  if (error instanceof errors.JWTExpired) return "it has expired"
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim, reason } = error
    if (claim === "iss") return "it is of another issuer"
    if (claim === "aud") return "it is for another audience"
    if (claim === "nbf" && reason === "check_failed") return "its time has not begun"
    return `its ${claim.replace(/[^a-z]/g, "")} is missing or is none`
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return "its signature is wrong"
  if (error instanceof errors.JWKSNoMatchingKey) return "its issuer has no such key"
  if (error instanceof errors.JWKSMultipleMatchingKeys) return "its issuer has several such keys"
  if (error instanceof errors.JOSEAlgNotAllowed) return "it is signed in a way that this server does not take"
  return "it is not well made"
}

const headerOf = (token: string): ProtectedHeaderParameters | undefined => {
  try {
    return decodeProtectedHeader(token)
  } catch {
    return undefined
  }
}

const wrong = (what: string) => failure("Unauthenticated", `the token is not taken: ${what}`) // JV4

export const layer = ({ issuer, audience, algorithms, ...options }: TokenVerifierOptions) =>
  Layer.effect(
    TokenVerifier,
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const keys = yield* makeKeys({ issuer, ...options })

      const verified = ({ sub, exp = 0, ...more }: JWTPayload, signer: string): VerifiedToken | HeraldError => {
        const other = ELSEWHERE.find(([claim]) => Object.hasOwn(more, claim)) // JV2
        if (other !== undefined) return wrong(other[1])
        const until = exp * 1_000
        if (!(until <= clock.currentTimeMillisUnsafe() + LONGEST + SKEW)) return wrong("it ends in more than 24 h") // JV3
        return typeof sub === "string" && sub !== "" && sub.length <= 255 && sub.isWellFormed()
          ? { issuer, subject: sub, claims: { ...more, sub, exp }, until, signer }
          : wrong("its sub names nobody")
      }

      const verify = Effect.fnUntraced(function* (token: string) {
        const header = headerOf(token)
        if (header === undefined) return yield* wrong("it is not well made")
        const { alg, kid, typ } = header
        if (typeof alg !== "string" || !algorithms.includes(alg))
          return yield* wrong(`it is not signed with ${algorithms.join(", ")}`) // JV1
        if (typ !== undefined && !TYPES.test(String(typ))) return yield* wrong("it is a token for something else") // JV2
        if (kid !== undefined && (typeof kid !== "string" || kid.length > 256)) return yield* wrong("its kid is none")
        const find = yield* keys.withKey(kid)
        const currentDate = new Date(clock.currentTimeMillisUnsafe())
        const [payload, signer] = yield* Effect.tryPromise({
          try: async () => {
            const { payload, key } = await jwtVerify(token, find, {
              ...{ issuer, audience, algorithms: [...algorithms], requiredClaims: ["sub", "exp"] },
              ...{ clockTolerance: SKEW / 1_000, currentDate }
            })
            return [payload, await calculateJwkThumbprint(key as CryptoKey)] as const
          },
          catch: (error) => wrong(error instanceof errors.JOSEError ? said(error) : "it is not well made")
        })
        const found = verified(payload, signer)
        return found instanceof HeraldError ? yield* found : found
      })

      return { issuer, verify, generation: keys.generation, has: keys.has, stillHas: keys.stillHas }
    })
  )
