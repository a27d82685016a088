/** Port: what an issuer of tokens that this server trusts says of whoever shows one of its tokens (JWT, RFC 7519). */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"

/** Milliseconds by which clocks may differ. */
export const SKEW = 30_000

/** What a token says whose signature, issuer, audience and times were checked. */
export interface VerifiedToken {
  readonly issuer: string
  /** 1 to 255 characters; of this issuer, nobody else has it. */
  readonly subject: string
  /** All that the token says, `sub` and `exp` included. */
  readonly claims: Readonly<Record<string, unknown>>
  /** Milliseconds since 1970: its `exp`. */
  readonly until: number
  /** The thumbprint (RFC 7638) of the key that signed it. */
  readonly signer: string
}

export interface TokenVerifierShape {
  readonly issuer: string
  /**
   * Fails `Unauthenticated`, with what is wrong and without the token; `IssuerUnavailable` when the issuer's keys are not known and it does not
   * answer (details.retryAfterMillis).
   */
  readonly verify: (token: string) => Effect.Effect<VerifiedToken, HeraldError>
  /**
   * Grows when a key that signed tokens is one of the issuer's no longer: what it signed is asked for again. Undefined: none of its keys counts, as it was
   * away for too long, and nothing does that was checked before.
   */
  readonly generation: () => number | undefined
  /** Whether the issuer still has the key with this thumbprint, as far as is known without a question; undefined: it has to be asked. */
  readonly has: (signer: string) => boolean | undefined
  /** The same; it is asked aside, and has it until it answers. An issuer that is away takes nothing back. Never waits, never fails. */
  readonly stillHas: (signer: string) => Effect.Effect<boolean>
}

/** Undefined: no issuer is trusted. */
export const TokenVerifier = Context.Reference<TokenVerifierShape | undefined>("herald/access/TokenVerifier", {
  defaultValue: () => undefined
})
