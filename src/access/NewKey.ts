/** What an API key may be that somebody wants. */
import { Effect } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { isEnvironment, wrongEnvironment } from "../keys/Environment.ts"
import { excerpt } from "../text/Excerpt.ts"
import { type Kind, kinds, type Role, roles } from "./Identity.ts"
import { isKeyPattern, KEY_PATTERNS, keyPatternRule } from "./KeyScope.ts"
import { nameProblem } from "./Principal.ts"
import { isTopicPattern, TOPIC_PATTERNS, topicPatternRule } from "./TopicRights.ts"

export interface KeyOptions {
  readonly name: string
  readonly role: Role
  readonly environments: ReadonlyArray<string>
  /** KX1 */
  readonly topics?: ReadonlyArray<string>
  /** Patterns of keys. KO1 */
  readonly keys?: ReadonlyArray<string>
  /** KO1 */
  readonly kinds?: ReadonlyArray<Kind>
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
  const { keys, kinds: its } = wanted
  if (keys !== undefined) {
    if (keys.length === 0 || keys.length > KEY_PATTERNS)
      return refuse(`keys: name 1 to ${KEY_PATTERNS} patterns, or leave them out for all`)
    const strange = keys.find((pattern) => !isKeyPattern(pattern))
    if (strange !== undefined) return refuse(`keys: ${excerpt(strange)} is not ${keyPatternRule}`)
  }
  if (its !== undefined) {
    if (its.length === 0 || its.length > kinds.length)
      return refuse("kinds: name at least one, or leave them out for all")
    const strange = its.find((kind) => !kinds.includes(kind))
    if (strange !== undefined) return refuse(`kinds: ${excerpt(strange)} is none of ${kinds.join(", ")}`)
    if (new Set(its).size < its.length) return refuse("kinds: name each once")
  }
  if (wanted.expiresAt !== null && !(wanted.expiresAt > now)) return refuse("expiresAt: it must lie in the future")
  return Effect.void
}
