/**
 * Decides whether an identity may do something, and names the rule that decided. Pure: every door and every use case asks here.
 *
 *   DN1  What no rule allows is denied: an act that doesn't say what it is about is about every key of every kind.
 *   DN2  A narrower grant never may what a wider one may not.
 *   DN3  Of one key it says what `scopeOf` says, so that a list shows what may be read one by one, and nothing else.
 */
import { isEnvironment } from "../keys/Environment.ts"
import { EVERY_KEY } from "../keys/Pattern.ts"
import { isTopicName } from "../keys/TopicName.ts"
import { excerpt } from "../text/Excerpt.ts"
import { granted, type Identity, type Kind, type Permission } from "./Identity.ts"
import { covers, inKeyScope, isEmptyScope, isKeyPattern, ofEveryKey, ofKind, scopeOf } from "./KeyScope.ts"
import { coversTopic, mayTopic, type TopicPermission, topicsOf } from "./TopicRights.ts"

/** In the order in which they are asked. */
export const rules = ["expired", "role", "topics", "environment", "kinds", "keys"] as const
export type Rule = (typeof rules)[number]

/** What an act is about: a key of a kind, or "*": all of them; without `key`: keys of that kind, each of which is looked up in `scopeOf`. */
export interface About {
  readonly kind: Kind
  readonly key?: string
}

export interface Act {
  readonly permission: Permission
  /** Left out: every environment, or with `anywhere` some: which one is not known yet. */
  readonly environment?: string | undefined
  readonly anywhere?: boolean
  /** Left out: every key of every kind. "some": one or another, which is asked for by itself. */
  readonly on?: About | "some" | undefined
  /** Of the permissions `topics.*`; left out: some topic. */
  readonly topic?: string | undefined
}

/** `rule` of a yes: the narrowest that had to allow it. `why` of a no: what is had, and what is needed. */
export type Decision =
  | { readonly may: true; readonly rule: Rule }
  | { readonly may: false; readonly rule: Rule; readonly why: string }

const of = (permission: Permission): permission is TopicPermission => permission.startsWith("topics.")

const denies = (
  identity: Identity,
  { permission, environment, anywhere = false, on, topic }: Act,
  now: number
): Rule | undefined => {
  if (identity.until !== undefined && !(now < identity.until)) return "expired"
  if (!granted[identity.role]?.has(permission)) return "role"
  if (of(permission)) return mayTopic(identity, permission, topic) ? undefined : "topics"
  const { environments } = identity
  const here = environment === undefined ? anywhere && environments.length > 0 : environments.includes(environment)
  if (!here && !environments.includes("*")) return "environment"
  if (on === undefined) {
    if (ofEveryKey(identity)) return undefined
    return identity.kinds === undefined ? "keys" : "kinds"
  }
  if (on === "some") return identity.kinds?.length === 0 ? "kinds" : identity.keys?.length === 0 ? "keys" : undefined
  if (!ofKind(identity, on.kind)) return "kinds"
  const scope = scopeOf(identity, on.kind)
  return (on.key === undefined ? isEmptyScope(scope) : !inKeyScope(scope, on.key)) ? "keys" : undefined
}

const allows = (identity: Identity, { permission, on }: Act): Rule => {
  if (of(permission)) return "topics"
  if (identity.keys !== undefined && on !== "some") return "keys"
  return identity.kinds === undefined ? "environment" : "kinds"
}

/** `now`: milliseconds since 1970. */
export const decide = (identity: Identity, act: Act, now: number): Decision => {
  const rule = denies(identity, act, now)
  return rule === undefined
    ? { may: true, rule: allows(identity, act) }
    : { may: false, rule, why: `${has(identity, rule)}; this needs ${needs(act)}` }
}

const SHOWN = 10
const some = (patterns: ReadonlyArray<string>): string =>
  patterns.length <= SHOWN
    ? patterns.join(", ")
    : `${patterns.slice(0, SHOWN).join(", ")} and ${patterns.length - SHOWN} more`

/** "ann is a publisher in production with the keys payments.*": as far as the rule looked. */
export const has = (identity: Identity, rule: Rule): string => {
  const { name, role, environments, keys, kinds } = identity
  if (rule === "expired") return `what ${name} signed in with has ended`
  if (rule === "topics") {
    const its = topicsOf(identity)
    return `${name} is a ${role} with ${its.length === 0 ? "no topics" : `the topics ${its.slice(0, SHOWN).join(", ")}`}`
  }
  const where = some(environments)
  const limits = [
    ...(keys === undefined ? [] : [keys.length === 0 ? "no keys" : `the keys ${some(keys)}`]),
    ...(kinds === undefined ? [] : [kinds.length === 0 ? "no kinds" : `the kinds ${some(kinds)}`])
  ]
  return `${name} is a ${role} in ${where === "" ? "no environment" : where}${limits.length === 0 ? "" : ` with ${limits.join(" of ")}`}`
}

const about = (on: Act["on"]): string => {
  if (on === undefined || on === "some") return ""
  if (on.key === EVERY_KEY) return ` for every key of the kind ${on.kind}`
  return on.key === undefined
    ? ` for keys of the kind ${on.kind}`
    : ` for the ${on.kind} ${isKeyPattern(on.key) ? on.key : excerpt(on.key)}`
}

/** "config.write in the environment production for the config payments.db" */
export const needs = ({ permission, environment, anywhere = false, on, topic }: Act): string => {
  if (of(permission))
    return `${permission} for ${topic === undefined ? "a topic" : `the topic ${isTopicName(topic) ? topic : excerpt(topic)}`}`
  const named = environment === undefined || isEnvironment(environment) ? environment : excerpt(environment)
  return `${permission} in ${named === undefined ? (anywhere ? "some environment" : "every environment") : `the environment ${named}`}${about(on)}`
}

/** What an identity, an API key or a token may. */
export type Grant = Pick<Identity, "role" | "environments" | "topics" | "keys" | "kinds">

const inside = (
  inner: ReadonlyArray<string>,
  outer: ReadonlyArray<string>,
  by: (outer: string, inner: string) => boolean
): boolean => inner.every((one) => outer.some((other) => by(other, one)))

const topicCovers = (outer: string, inner: string): boolean =>
  outer === "*" ||
  (inner !== "*" &&
    (inner.endsWith("/*") ? outer.endsWith("/*") && inner.startsWith(outer.slice(0, -1)) : coversTopic(outer, inner)))

/** The rule by which it may what `wider` may not; undefined: it is within, as nobody gives away more than they have. DN2 */
export const exceeds = (grant: Grant, wider: Grant): Rule | undefined => {
  if (![...granted[grant.role]].every((permission) => granted[wider.role].has(permission))) return "role"
  if (!inside(grant.environments, wider.environments, (outer, inner) => outer === "*" || outer === inner))
    return "environment"
  if (wider.kinds !== undefined && !(grant.kinds !== undefined && inside(grant.kinds, wider.kinds, (a, b) => a === b)))
    return "kinds"
  if (wider.keys !== undefined && !inside(grant.keys ?? ["*"], wider.keys, covers)) return "keys"
  return inside(topicsOf(grant), topicsOf(wider), topicCovers) ? undefined : "topics"
}

export const isWithin = (grant: Grant, wider: Grant): boolean => exceeds(grant, wider) === undefined
