/** Words the error for whoever may not, for people and for programs. Pure. */
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { isEnvironment } from "../keys/Environment.ts"
import { isKey } from "../keys/Key.ts"
import { isTopicName } from "../keys/TopicName.ts"
import { excerpt } from "../text/Excerpt.ts"
import { type Act, decide, exceeds, type Grant, has } from "./Decision.ts"
import type { Identity } from "./Identity.ts"

const shown = (text: string, isWell: (text: string) => boolean): string => (isWell(text) ? text : excerpt(text))

/** Undefined: it may. Else `Forbidden`, or `Unauthenticated` where what was shown has ended. `now`: milliseconds since 1970. */
export const refusalOf = (identity: Identity, act: Act, now: number): HeraldError | undefined => {
  const decided = decide(identity, act, now)
  if (decided.may) return undefined
  const { rule, why } = decided
  if (rule === "expired") return failure("Unauthenticated", why, { details: { rule } })
  const { permission, environment, on, topic } = act
  const where = permission.startsWith("topics.")
    ? topic === undefined
      ? {}
      : { topic: shown(topic, isTopicName) }
    : { environment: environment === undefined ? "*" : shown(environment, isEnvironment) }
  const what =
    on === undefined || on === "some"
      ? {}
      : { kind: on.kind, ...(on.key === undefined ? {} : { key: shown(on.key, isKey) }) }
  return failure("Forbidden", why, { details: { rule, permission, ...where, ...what, role: identity.role } })
}

/** Undefined: the grant is within what the identity has, which may make an API key of it. Else `Forbidden`. */
export const wideningOf = (identity: Identity, grant: Grant): HeraldError | undefined => {
  const rule = exceeds(grant, identity)
  if (rule === undefined) return undefined
  const { role } = identity
  return failure("Forbidden", `${has(identity, rule)}; an API key may nothing that who makes it may not`, {
    details: { rule, permission: "keys.manage", role }
  })
}
