/** Refuses whoever may not do something with a topic. */
import { Effect } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { isTopicName } from "../keys/TopicName.ts"
import { excerpt } from "../text/Excerpt.ts"
import { CurrentIdentity, type Identity } from "./Identity.ts"
import { mayTopic, type TopicPermission, topicsOf } from "./TopicRights.ts"

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
    if (mayTopic(identity, permission, name)) return Effect.succeed(identity)
    const its = topicsOf(identity)
    const shown = name === undefined ? undefined : isTopicName(name) ? name : excerpt(name)
    const may = its.length === 0 ? "no topics" : `the topics ${its.slice(0, 10).join(", ")}`
    return Effect.fail(
      failure(
        "Forbidden",
        `${identity.name} is a ${identity.role} with ${may}; this needs ${permission} for ${shown === undefined ? "a topic" : `the topic ${shown}`}`,
        { details: { permission, ...(shown === undefined ? {} : { topic: shown }), role: identity.role } }
      )
    )
  })
