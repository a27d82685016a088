/** Refuses whoever may not do something with a topic. */
import { Clock, Effect } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { CurrentIdentity, type Identity } from "./Identity.ts"
import { refusalOf } from "./Refusal.ts"
import type { TopicPermission } from "./TopicRights.ts"

/**
 * Fails `Unauthenticated` or `Forbidden` unless `CurrentIdentity` may with this topic; undefined: with any. Services call it; doors do only to
 * refuse before they read a body.
 */
export const requireTopic = (
  permission: TopicPermission,
  name: string | undefined
): Effect.Effect<Identity, HeraldError> =>
  Effect.withFiber((fiber) => {
    const identity = fiber.getRef(CurrentIdentity)
    if (identity === undefined) return Effect.fail(failure("Unauthenticated", "nobody is signed in for this request"))
    const refused = refusalOf(
      identity,
      { permission, topic: name },
      fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()
    )
    return refused === undefined ? Effect.succeed(identity) : Effect.fail(refused)
  })
