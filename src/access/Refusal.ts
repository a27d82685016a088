/**
 * Words the error for whoever may not, for people and for programs. Pure.
 *
 *   DN4  Every refusal says the rule that it is by: it is made here, and `failure` makes none.
 */
import { HeraldError, reworded } from "../errors/HeraldError.ts"
import { isEnvironment } from "../keys/Environment.ts"
import { isKey } from "../keys/Key.ts"
import { isTopicName } from "../keys/TopicName.ts"
import { excerpt } from "../text/Excerpt.ts"
import { type Act, decide, exceeds, type Grant, has, type Rule } from "./Decision.ts"
import type { Identity, Permission } from "./Identity.ts"

/** Those of `decide`, and what nobody's grant gives: a route that nobody may use, to act later by what was shown now. */
export type RefusalRule = Rule | "route" | "lasting"

/** Where the one decision does not know enough to word it. DN4 */
export const forbidden = (
  rule: RefusalRule,
  message: string,
  details: Readonly<Record<string, unknown>> = {}
): HeraldError => new HeraldError({ name: "Forbidden", message, details: { ...details, rule } })

const shown = (text: string, isWell: (text: string) => boolean): string => (isWell(text) ? text : excerpt(text))

/** Undefined: it may. Else `Forbidden`, or `Unauthenticated` where what was shown has ended. `now`: milliseconds since 1970. */
export const refusalOf = (identity: Identity, act: Act, now: number): HeraldError | undefined => {
  const decided = decide(identity, act, now)
  if (decided.may) return undefined
  const { rule, why } = decided
  if (rule === "expired") return new HeraldError({ name: "Unauthenticated", message: why, details: { rule } })
  const { permission, environment, anywhere = false, on, topic } = act
  const where = permission.startsWith("topics.")
    ? topic === undefined
      ? {}
      : { topic: shown(topic, isTopicName) }
    : anywhere && environment === undefined
      ? {}
      : { environment: environment === undefined ? "*" : shown(environment, isEnvironment) }
  const what =
    on === undefined || on === "some"
      ? {}
      : { kind: on.kind, ...(on.key === undefined ? {} : { key: shown(on.key, isKey) }) }
  return forbidden(rule, why, { permission, ...where, ...what, role: identity.role })
}

/** As `refusalOf`, where it is not known yet of what: with some environment, key or topic. */
export const refusalAnywhere = (identity: Identity, permission: Permission, now: number): HeraldError | undefined =>
  refusalOf(identity, { permission, anywhere: true, on: "some" }, now)

/** The same refusal, with why that is asked before it. */
export const explained = (why: string, refusal: HeraldError): HeraldError =>
  reworded(refusal, `${why}: ${refusal.message}`)

/** Undefined: the grant is within what the identity has, which may make an API key of it. Else `Forbidden`. */
export const wideningOf = (identity: Identity, grant: Grant): HeraldError | undefined => {
  const rule = exceeds(grant, identity)
  if (rule === undefined) return undefined
  const { role } = identity
  return forbidden(rule, `${has(identity, rule)}; an API key may nothing that who makes it may not`, {
    permission: "keys.manage",
    role
  })
}
