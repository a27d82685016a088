/** Checks what somebody wants that others may: of a rule, of a service token. Pure. */
import { isEnvironment, wrongEnvironment } from "../keys/Environment.ts"
import { excerpt } from "../text/Excerpt.ts"
import type { Grant } from "./Decision.ts"
import { kinds, roles } from "./Identity.ts"
import { isKeyPattern, KEY_PATTERNS, keyPatternRule } from "./KeyScope.ts"
import { isTopicPattern, TOPIC_PATTERNS, topicPatternRule } from "./TopicRights.ts"

const FIELDS: ReadonlySet<string> = new Set<keyof Grant>(["role", "environments", "keys", "kinds", "topics"])

const listProblem = (
  name: string,
  list: unknown,
  most: number,
  isOne: (text: string) => boolean,
  rule: string
): string | undefined => {
  if (!Array.isArray(list) || list.length > most) return `${name}: a list of at most ${most}`
  const strange: unknown = list.find((one) => typeof one !== "string" || !isOne(one))
  return strange === undefined ? undefined : `${name}: ${excerpt(String(strange))} is not ${rule}`
}

/** What is wrong with it, or undefined. */
export const grantProblem = (grant: unknown): string | undefined => {
  if (typeof grant !== "object" || grant === null) return "a grant has a role and environments"
  const { role, environments, keys, topics, kinds: its } = grant as Readonly<Record<string, unknown>>
  const other = Object.keys(grant).find((name) => !FIELDS.has(name))
  if (other !== undefined) return `${excerpt(other)} is none of ${[...FIELDS].join(", ")}`
  if (!roles.some((one) => one === role)) return `role: one of ${roles.join(", ")}`
  if (!Array.isArray(environments) || environments.length === 0 || environments.length > 100)
    return 'environments: name 1 to 100, or "*" for all'
  const wrong: unknown = environments.find((one) => typeof one !== "string" || (one !== "*" && !isEnvironment(one)))
  if (wrong !== undefined) return `environments: ${excerpt(String(wrong))} ${wrongEnvironment(String(wrong))}`
  return (
    (keys === undefined ? undefined : listProblem("keys", keys, KEY_PATTERNS, isKeyPattern, keyPatternRule)) ??
    (its === undefined
      ? undefined
      : listProblem(
          "kinds",
          its,
          kinds.length,
          (one) => kinds.some((kind) => kind === one),
          `one of ${kinds.join(", ")}`
        )) ??
    (topics === undefined ? undefined : listProblem("topics", topics, TOPIC_PATTERNS, isTopicPattern, topicPatternRule))
  )
}

/** Its own fields, and no other. */
export const grantOf = ({ role, environments, keys, kinds, topics }: Grant): Grant => ({
  ...{ role, environments },
  ...(keys === undefined ? {} : { keys }),
  ...(kinds === undefined ? {} : { kinds }),
  ...(topics === undefined ? {} : { topics })
})
