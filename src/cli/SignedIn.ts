/**
 * What a context has of a login at an issuer.
 *
 *   YN1  A token that ends is renewed before it does, by one process at a time: of several at once the others take what the first was given, as an
 *        issuer may take a token for renewal once.
 *   YN2  Where the issuer is away, the token counts for as long as it lasts.
 */
import * as Effect from "effect/Effect"
import { catalogue } from "../errors/Catalogue.ts"
import { CliFailure } from "./CliFailure.ts"
import { type Contexts, changeContexts, type HeraldContext, tokenOf } from "./Contexts.ts"
import { type Offer, renew, type Tokens } from "./Issuer.ts"
import { Shell } from "./Shell.ts"

export interface Login extends Offer {
  readonly refresh: string | undefined
  /** Milliseconds since 1970: when the context's token ends. */
  readonly until: number
}

/** Milliseconds before its end at which a token is renewed. */
const EARLY = 30_000

/** Undefined: there is none, or none that can be read. */
export const loginOf = ({ login = {} }: HeraldContext): Login | undefined => {
  const { issuer, client, scope, audience, refresh, until } = login
  const texts = [issuer, client, scope, audience]
  if (!texts.every((one) => typeof one === "string") || typeof until !== "number") return undefined
  return {
    ...{ issuer: String(issuer), client: String(client), scope: String(scope), audience: String(audience), until },
    refresh: typeof refresh === "string" ? refresh : undefined
  }
}

/** The context with it, and with no other token. */
export const withLogin = (
  { tokenFile: _, tokenCommand: __, ...context }: HeraldContext,
  { issuer, client, scope, audience }: Offer,
  { token, refresh, until }: Tokens
): HeraldContext => ({
  ...context,
  token,
  login: { issuer, client, scope, audience, until, ...(refresh === undefined ? {} : { refresh }) }
})

export const withoutLogin = ({ login: _, token: __, ...context }: HeraldContext): HeraldContext => context

const ended = (name: string, issuer: string, what: string): CliFailure =>
  new CliFailure({
    ...{
      code: catalogue.Unauthenticated.code,
      title: "You are signed in no more",
      what,
      why: `The issuer is ${issuer}.`
    },
    ...{ fix: `herald login --context ${name}`, exit: catalogue.Unauthenticated.exit },
    ...{ trace: "", retryable: false, retryAfter: 0 }
  })

/** As `tokenOf`; of a login one that lasts. YN1, YN2 */
export const currentToken = Effect.fnUntraced(function* (context: HeraldContext & { readonly name: string }) {
  const shell = yield* Shell
  const { name } = context
  const fresh = (login: Login, now: number): boolean => now < login.until - EARLY
  const its = loginOf(context)
  if (its === undefined || fresh(its, yield* shell.now)) return yield* tokenOf(context)
  const changed = yield* changeContexts((contexts: Contexts) =>
    Effect.gen(function* () {
      const one = Object.hasOwn(contexts.all, name) ? contexts.all[name]! : context
      const login = loginOf(one)
      const now = yield* shell.now
      if (login === undefined || fresh(login, now)) return [contexts, one.token] as const // YN1
      if (login.refresh === undefined)
        return now < login.until
          ? ([contexts, one.token] as const)
          : yield* ended(name, login.issuer, `the token of the context ${name} ended, and can't be renewed`)
      const renewed = yield* Effect.result(renew(login, login.refresh))
      if (renewed._tag === "Success") {
        const all = { ...contexts.all, [name]: withLogin(one, login, renewed.success) }
        return [{ ...contexts, all }, renewed.success.token] as const
      }
      if (now < login.until) return [contexts, one.token] as const // YN2
      const { failure } = renewed
      return yield* failure.exit === catalogue.Unauthenticated.exit
        ? ended(name, login.issuer, `the login of the context ${name} ended: ${failure.what}`)
        : failure
    })
  )
  return changed.told
})
