/** Finds out whose approval counts, and with which rights: of this moment, by the API keys that there are. A part of Approvals. */
import { Clock, Effect } from "effect"
import { requirePermission } from "../access/Access.ts"
import { makeActing } from "../access/Acting.ts"
import { type ApiKey, ApiKeyStore } from "../access/ApiKeyStore.ts"
import { type Act, decide } from "../access/Decision.ts"
import { type Identity, type Permission, system } from "../access/Identity.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { Approver, Held } from "./ApprovalStore.ts"
import { comesFrom } from "./Chain.ts"
import { aboutsOf as aboutAll, type ChangeRequest } from "./ChangeRequest.ts"

/** Milliseconds that an approval counts whose right can't be looked at again, as it was given with no API key. */
export const UNSEEN = 86_400_000

export const makePersons = Effect.gen(function* () {
  const keys = yield* ApiKeyStore
  const clock = yield* Clock.Clock
  const actingFor = yield* makeActing

  const mayAll = (identity: Identity, permission: Permission, request: ChangeRequest): boolean =>
    aboutAll(request).every(
      (on: Act["on"]) =>
        decide(identity, { permission, environment: request.environment, on }, clock.currentTimeMillisUnsafe()).may
    )

  const requireAll = Effect.fnUntraced(function* (permission: Permission, request: ChangeRequest) {
    let identity = yield* requirePermission(permission, request.environment, "some")
    for (const on of aboutAll(request)) identity = yield* requirePermission(permission, request.environment, on)
    return identity
  })

  /** Until when the approval counts; null: as long as the API key may. Fails `OwnChange`. AQ3, AQ10 */
  const notOwn = Effect.fnUntraced(function* ({ request }: Held, { name, keyId }: Identity) {
    const { author, key } = request
    if (name === author) return yield* failure("OwnChange", `${author} asked for ${key}, so somebody else approves it`)
    const all = yield* keys.list
    const its = all.find(({ id }) => id === keyId)
    if (its !== undefined && comesFrom(author, its, all))
      return yield* failure(
        "OwnChange",
        `${author} asked for ${key}, and made the API key ${keyId} or one that it comes from`
      )
    return its === undefined && keyId !== system.keyId ? clock.currentTimeMillisUnsafe() + UNSEEN : null
  })

  /** By one key of theirs that may all of it. */
  const actingOn = (request: ChangeRequest, name: string, keyId: string | undefined) =>
    actingFor({ name, keyId }, "config.write", request.environment, ["some", ...aboutAll(request)])

  const counts = (
    request: ChangeRequest,
    { name, keyId, holds, until }: Approver,
    all: ReadonlyArray<ApiKey>
  ): Effect.Effect<boolean, HeraldError> => {
    if (!holds || name === request.author) return Effect.succeed(false)
    if (until !== null) return Effect.succeed(clock.currentTimeMillisUnsafe() < until)
    const its = all.find(({ id }) => id === keyId)
    if (its === undefined || comesFrom(request.author, its, all)) return Effect.succeed(false)
    return actingOn(request, name, keyId).pipe(
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
    notOwn,
    /** Principals whose approval counts by the rights that they have now. AQ5 */
    counting: Effect.fnUntraced(function* ({ request, approvers }: Held) {
      const found: Array<string> = []
      const all = yield* keys.list
      for (const one of approvers) if (yield* counts(request, one, all)) found.push(one.name)
      return found
    }),
    /** With the rights of this moment; of who has no API key any more, only by themselves. AQ5 */
    authorOf: ({ request, keyId }: Held, caller: Identity): Effect.Effect<Identity, HeraldError> =>
      caller.name === request.author ? Effect.succeed(caller) : actingOn(request, request.author, keyId)
  }
})
