/** How people sign in at the issuer of tokens, as settings say it: for `herald login`, which has no token yet. */
import { Context } from "effect"

export interface SignInOffer {
  readonly issuer: string
  /** The public client's id at the issuer (RFC 6749). */
  readonly client: string
  /** With spaces between. */
  readonly scope: string
  /** What tokens have to be for. */
  readonly audience: string
}

/** Undefined: nobody can sign in here by an issuer. */
export const SignIn = Context.Reference<SignInOffer | undefined>("herald/access/SignIn", {
  defaultValue: () => undefined
})
