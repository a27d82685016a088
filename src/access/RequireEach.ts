/** Refuses whoever may not do something with each of several keys. */
import { Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { requirePermission } from "./Access.ts"
import type { About } from "./Decision.ts"
import type { Identity, Permission } from "./Identity.ts"
import { ofEveryKey } from "./KeyScope.ts"

/** As `requirePermission` for each; undefined among them: what only who may touch everything may touch. Fails for the first that is refused. */
export const requireEach = Effect.fnUntraced(function* (
  permission: Permission,
  environment: string,
  abouts: Iterable<About | undefined>
): Effect.fn.Return<Identity, HeraldError> {
  const identity = yield* requirePermission(permission, environment, "some")
  if (ofEveryKey(identity)) return identity
  for (const about of abouts) yield* requirePermission(permission, environment, about)
  return identity
})
