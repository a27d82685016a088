/**
 * Decides which topics an API key may use. Pure.
 *
 *   KX1  A key names its topics by patterns: a name, `orders/*` for all that begin with `orders/`, or `*`. One that names none may use every topic if it works in
 *        every environment, and else none: topics are in no environment.
 */
import { isTopicName } from "../keys/TopicName.ts"
import { granted, type Identity, type Permission } from "./Identity.ts"

export type TopicPermission = Extract<Permission, `topics.${string}`>

/** Patterns of one key. */
export const TOPIC_PATTERNS = 100

export const EVERY_TOPIC = "*"

/** KX1 */
export const isTopicPattern = (pattern: string): boolean =>
  pattern === EVERY_TOPIC || isTopicName(pattern.endsWith("/*") ? pattern.slice(0, -2) : pattern)

export const topicPatternRule = "the name of a topic, a name and /* for all below it, or * for all"

const EVERY: ReadonlyArray<string> = [EVERY_TOPIC]
const NONE: ReadonlyArray<string> = []

/** KX1 */
export const topicsOf = ({ topics, environments }: Pick<Identity, "topics" | "environments">): ReadonlyArray<string> =>
  topics ?? (environments.includes("*") ? EVERY : NONE)

const covers = (pattern: string, name: string): boolean =>
  pattern === EVERY_TOPIC || (pattern.endsWith("/*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name)

/** `name` undefined: the permission must hold for some topic. KX1 */
export const mayTopic = (identity: Identity, permission: TopicPermission, name: string | undefined): boolean => {
  if (!granted[identity.role].has(permission)) return false
  const patterns = topicsOf(identity)
  return name === undefined ? patterns.length > 0 : patterns.some((pattern) => covers(pattern, name))
}
