/** What an API key may be that somebody wants. */
import { Effect } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { isEnvironment, wrongEnvironment } from "../keys/Environment.ts"
import { excerpt } from "../text/Excerpt.ts"
import { type Role, roles } from "./Identity.ts"
import { nameProblem } from "./Principal.ts"
import { isTopicPattern, TOPIC_PATTERNS, topicPatternRule } from "./TopicRights.ts"

export interface KeyOptions {
  readonly name: string
  readonly role: Role
  readonly environments: ReadonlyArray<string>
  /** KX1 */
  readonly topics?: ReadonlyArray<string>
  /** Milliseconds since 1970; null: never. */
  readonly expiresAt: number | null
  /** A further key for a principal that has one. PN3 */
  readonly add?: boolean
}

/** Fails `InvalidInput`. `now`: milliseconds since 1970. */
export const checkKey = (wanted: KeyOptions, now: number): Effect.Effect<void, HeraldError> => {
  const refuse = (message: string) => Effect.fail(failure("InvalidInput", message))
  const wrongName = nameProblem(wanted.name) // PN2
  if (wrongName !== undefined) return refuse(wrongName)
  if (!roles.includes(wanted.role)) return refuse(`role: one of ${roles.join(", ")}`)
  if (wanted.environments.length === 0 || wanted.environments.length > 100) {
    return refuse('environments: name 1 to 100, or "*" for all')
  }
  const wrong = wanted.environments.find((environment) => environment !== "*" && !isEnvironment(environment))
  if (wrong !== undefined) return refuse(`environments: ${excerpt(wrong)} ${wrongEnvironment(wrong)}`)
  if (wanted.topics !== undefined) {
    if (wanted.topics.length > TOPIC_PATTERNS) return refuse(`topics: at most ${TOPIC_PATTERNS} patterns`)
    const strange = wanted.topics.find((pattern) => !isTopicPattern(pattern))
    if (strange !== undefined) return refuse(`topics: ${excerpt(strange)} is not ${topicPatternRule}`)
  }
  if (wanted.expiresAt !== null && !(wanted.expiresAt > now)) return refuse("expiresAt: it must lie in the future")
  return Effect.void
}
