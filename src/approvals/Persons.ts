/** Finds out whose approval counts, and with which rights: of this moment, by the API keys that there are. A part of Approvals. */
import { Clock, Effect } from "effect"
import { requirePermission } from "../access/Access.ts"
import { makeActing } from "../access/Acting.ts"
import { ApiKeyStore } from "../access/ApiKeyStore.ts"
import { Certificates, isCertificateId } from "../access/Certificates.ts"
import { type Act, decide } from "../access/Decision.ts"
import { CurrentIdentity, type Identity, type Permission, system } from "../access/Identity.ts"
import { isOfIssuer } from "../access/Jwts.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import { bodyIn } from "./Body.ts"
import { aboutsOf, type ChangeRequest } from "./ChangeRequest.ts"
import type { Approver, Held } from "./Held.ts"
import { needs } from "./Rights.ts"

/** Milliseconds that an approval counts whose right can't be looked at again, as it was given with no API key. */
export const UNSEEN = 86_400_000

export const makePersons = Effect.gen(function* () {
  const keys = yield* ApiKeyStore
  const certificates = yield* Certificates
  const clock = yield* Clock.Clock
  const actingFor = yield* makeActing

  const mayAll = (identity: Identity, permission: Permission, request: ChangeRequest): boolean =>
    aboutsOf(request).every(
      (on: Act["on"]) =>
        decide(identity, { permission, environment: request.environment, on }, clock.currentTimeMillisUnsafe()).may
    )

  /** To write every key of it. */
  const requireAll = Effect.fnUntraced(function* (held: Held) {
    const { environment } = held.request
    let identity = yield* requirePermission("config.write", environment, "some")
    for (const on of aboutsOf(held.request)) identity = yield* requirePermission("config.write", environment, on)
    return identity
  })

  /** By one key of theirs that may all of it. */
  const actingOn = (held: Held, name: string, keyId: string | undefined) =>
    actingFor({ name, keyId }, "config.write", held.request.environment, ["some", ...aboutsOf(held.request)])

  const counts = (held: Held, { name, keyId, holds, until }: Approver): Effect.Effect<boolean, HeraldError> => {
    if (!holds || (until !== null && clock.currentTimeMillisUnsafe() >= until)) return Effect.succeed(false)
    if (keyId !== undefined && isCertificateId(keyId)) return Effect.succeed(certificates.isGood(keyId))
    if (until !== null && !(keyId !== undefined && isOfIssuer(keyId))) return Effect.succeed(true)
    return actingOn(held, name, keyId).pipe(
      Effect.as(true),
      Effect.catchIf(
        ({ refused, unanswered }) => refused && !unanswered,
        () => Effect.succeed(false)
      )
    )
  }

  return {
    mayAll,
    requireAll,
    /** Until when the approval counts; null: as long as the API key may. */
    lasts: ({ keyId }: Identity): Effect.Effect<number | null, HeraldError> =>
      Effect.map(keys.find(keyId), (known) =>
        known === undefined && keyId !== system.keyId ? clock.currentTimeMillisUnsafe() + UNSEEN : null
      ),
    /** Principals whose approval counts by the rights that they have now; that they are other persons, the store says. AQ5 */
    counting: Effect.fnUntraced(function* (held: Held) {
      const found: Array<string> = []
      for (const one of held.approvers) if (yield* counts(held, one)) found.push(one.name)
      return found
    }),
    /** With the rights of this moment, for all that the change asks; of who has no API key any more, only by themselves. AQ5 */
    authorOf: Effect.fnUntraced(function* (held: Held, caller: Identity) {
      const { request, keyId, body } = held
      const its = needs(bodyIn(body))
      const author = caller.name === request.author ? caller : yield* actingOn(held, request.author, keyId)
      for (const { permission, on } of its)
        yield* Effect.provideService(requirePermission(permission, request.environment, on), CurrentIdentity, author)
      return author
    })
  }
})
