/**
 * Decides which topics an API key may use. Pure.
 *
 *   KX1  A key names its topics by patterns: a name, `orders/*` for all that begin with `orders/`, or `*`. One that names none may use every topic if it works in
 *        every environment and with every key of every kind, and else none: topics are in no environment.
 */
import { isTopicName } from "../keys/TopicName.ts"
import { granted, type Identity, type Permission } from "./Identity.ts"
import { ofEveryKey } from "./KeyScope.ts"

export type TopicPermission = Extract<Permission, `topics.${string}`>

/** Patterns of one key. */
export const TOPIC_PATTERNS = 100

export const EVERY_TOPIC = "*"

/** KX1 */
export const isTopicPattern = (pattern: string): boolean =>
  pattern === EVERY_TOPIC || isTopicName(pattern.endsWith("/*") ? pattern.slice(0, -2) : pattern)

export const topicPatternRule = "the name of a topic, a name and /* for all below it, or * for all"

export type TopicRights = Pick<Identity, "topics" | "environments" | "keys" | "kinds">

const EVERY: ReadonlyArray<string> = [EVERY_TOPIC]
const NONE: ReadonlyArray<string> = []

/** KX1 */
export const topicsOf = (identity: TopicRights): ReadonlyArray<string> =>
  identity.topics ?? (identity.environments.includes("*") && ofEveryKey(identity) ? EVERY : NONE)

export const coversTopic = (pattern: string, name: string): boolean =>
  pattern === EVERY_TOPIC || (pattern.endsWith("/*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name)

/** Topics by their names, and by what the names of others begin with; undefined: all. */
export type TopicScope = { readonly names: ReadonlyArray<string>; readonly prefixes: ReadonlyArray<string> } | undefined

/** Which topics the key may use as its patterns say, for stores that look for them. KX1 */
export const topicScope = (identity: TopicRights): TopicScope => {
  const patterns = topicsOf(identity)
  if (patterns.includes(EVERY_TOPIC)) return undefined
  const below = (pattern: string) => pattern.endsWith("/*")
  return {
    names: patterns.filter((pattern) => !below(pattern)),
    prefixes: patterns.filter(below).map((pattern) => pattern.slice(0, -1))
  }
}

export const inScope = (scope: TopicScope, name: string): boolean =>
  scope === undefined || scope.names.includes(name) || scope.prefixes.some((prefix) => name.startsWith(prefix))

/** `name` undefined: the permission must hold for some topic. KX1 */
export const mayTopic = (identity: Identity, permission: TopicPermission, name: string | undefined): boolean => {
  if (!granted[identity.role].has(permission)) return false
  const patterns = topicsOf(identity)
  return name === undefined ? patterns.length > 0 : patterns.some((pattern) => coversTopic(pattern, name))
}
