/**
 * Decides who acts when something is done that was asked for before.
 *
 *   A7  It is done in its principal's name only while that has a good key that may, and never once the key that asked for it was revoked.
 */
import { Clock, Effect } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { isGood, requirePermission } from "./Access.ts"
import { ApiKeyStore } from "./ApiKeyStore.ts"
import { type Act, decide } from "./Decision.ts"
import { CurrentIdentity, type Identity, identityOf, type Permission, system } from "./Identity.ts"

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
  const clock = yield* Clock.Clock

  return Effect.fnUntraced(function* (
    { name, keyId }: Asker,
    permission: Permission,
    environment: string,
    abouts: ReadonlyArray<Act["on"]> = ["some"]
  ): Effect.fn.Return<Identity, HeraldError> {
    if (keyId === system.keyId) return system
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
