/**
 * Decides who acts when something is done that was asked for before.
 *
 *   A7  It is done in its principal's name only while that has a good key that may, and never once the key that asked for it was revoked. For whom an issuer
 *       named it is done while the rule that let them in is one of the settings', by what that gives then. Who showed a certificate alone asks for nothing later.
 */
import { Clock, Effect, Option } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { Access, requirePermission } from "./Access.ts"
import { ApiKeyStore, isGood } from "./ApiKeyStore.ts"
import { isCertificateId } from "./Certificates.ts"
import { type Act, decide } from "./Decision.ts"
import { CurrentIdentity, type Identity, identityOf, type Permission, system } from "./Identity.ts"
import { isOfIssuer } from "./Jwts.ts"
import { forbidden } from "./Refusal.ts"

/** Fails `Forbidden` for who could not act when nobody asks. A7 */
export const requireLasting = ({ name, keyId }: Identity): Effect.Effect<void, HeraldError> =>
  isCertificateId(keyId)
    ? forbidden(
        "lasting",
        `${name} showed a certificate, which says nothing once it is not shown: ask for what is to be done later with an API key or a token of the issuer`
      )
    : Effect.void

/** Who asked. */
export interface Asker {
  /** The principal. */
  readonly name: string
  /** Public id of the API key; undefined: none. */
  readonly keyId: string | undefined
}

/**
 * By the key itself if it is still good, by another of the principal's where it ended by itself, as after a rotation. `abouts`: what it is about; left out, what is
 * done asks for its keys. Asks the store. Fails
 * `Unauthenticated`, `Forbidden`, `DatabaseUnavailable`, `Timeout`.
 */
export const makeActing = Effect.gen(function* () {
  const store = yield* ApiKeyStore
  const access = Option.getOrUndefined(yield* Effect.serviceOption(Access))
  const clock = yield* Clock.Clock

  return Effect.fnUntraced(function* (
    { name, keyId }: Asker,
    permission: Permission,
    environment: string,
    abouts: ReadonlyArray<Act["on"]> = ["some"]
  ): Effect.fn.Return<Identity, HeraldError> {
    if (keyId === system.keyId) return system
    if (keyId !== undefined && isOfIssuer(keyId)) {
      const subject = access && (yield* access.later(name, keyId))
      if (subject === undefined)
        return yield* failure(
          "Unauthenticated",
          `the rule of HERALD_OIDC_ROLES by which ${name} asked is no longer there`
        )
      for (const on of abouts)
        yield* Effect.provideService(requirePermission(permission, environment, on), CurrentIdentity, subject)
      return subject
    }
    const theirs = (yield* store.list).filter((key) => key.name === name)
    if (theirs.some(({ id, revokedAt }) => id === keyId && revokedAt !== null)) {
      return yield* failure("Unauthenticated", `the API key ${name} (${keyId}) was revoked`)
    }
    const now = clock.currentTimeMillisUnsafe()
    const good = theirs.filter((key) => isGood(key, now)).map(identityOf)
    const acting =
      good.find((one) => one.keyId === keyId) ??
      good.find((one) => abouts.every((on) => decide(one, { permission, environment, on }, now).may)) ??
      good[0]
    if (acting === undefined) return yield* failure("Unauthenticated", `${name} has no API key any more that is good`)
    for (const on of abouts)
      yield* Effect.provideService(requirePermission(permission, environment, on), CurrentIdentity, acting)
    return acting
  })
})
