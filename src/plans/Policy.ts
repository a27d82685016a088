/**
 * What an environment says of its rollouts: plans by name, keys that are changed by a rollout only, times in which nothing goes on. It is a
 * configuration under a key of its own, as variables are, so it has versions, history, audit and conditions as any other (decision 0004). Pure.
 *
 *   PY1  What can't be read is refused where it is written; where it stands nonetheless, nothing is required and frozen by it but what can be read.
 *   PY5  Which keys ask for a plan, and what that plan says, is changed by an admin: it binds those who publish.
 *   PY2  Of several rules for a key the most exact one counts: the key itself, then the longest pattern.
 */

import { failure, HeraldError } from "../errors/HeraldError.ts"
import { type Problem, pointed, told } from "../evaluation/Definition.ts"
import { isMembers, type Members } from "../evaluation/Json.ts"
import { wrongNamePattern } from "../keys/Name.ts"
import { matches } from "../keys/Pattern.ts"
import { whenOf } from "../schedules/When.ts"
import { written } from "../text/Amounts.ts"
import { excerpt } from "../text/Excerpt.ts"
import { canonical } from "../values/Canonical.ts"
import type { PlanText } from "./ReadPlan.ts"
import { readPlan } from "./ReadPlan.ts"
import type { Freeze } from "./Windows.ts"

export const POLICY_KEY = "herald.rollouts"

/** Entries of each list. */
export const MOST = 100

/** Such keys are changed by a rollout only, of this plan; undefined: of any. */
export interface Required {
  /** A key, `payments.*`, or of flags `@flag/payments.*`. */
  readonly keys: string
  readonly plan: string | undefined
}

export interface Policy {
  readonly plans: Readonly<Record<string, PlanText>>
  readonly required: ReadonlyArray<Required>
  readonly freezes: ReadonlyArray<Freeze>
}

export const nothing: Policy = { plans: {}, required: [], freezes: [] }

const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/

export const isPlanName = (name: string): boolean => NAME.test(name)

const MEMBERS = ["plans", "required", "freezes"]

/** As JSON has it, with all that is wrong. PY1 */
export const readPolicy = (said: unknown): { readonly policy: Policy; readonly problems: ReadonlyArray<Problem> } => {
  const problems: Array<Problem> = []
  const say = (at: string, problem: string) => void problems.push({ at, problem })
  if (!isMembers(said)) return { policy: nothing, problems: [{ at: "", problem: "has to be members such as plans" }] }
  for (const name of Object.keys(said))
    if (!MEMBERS.includes(name)) say(pointed("", name), `is not known: there are ${MEMBERS.join(", ")}`)

  const plans: Array<readonly [string, PlanText]> = []
  const { plans: all = {} } = said
  if (!isMembers(all)) say("/plans", "has to be plans by their names")
  else if (Object.keys(all).length > MOST) say("/plans", `has more than ${MOST} plans`)
  else
    for (const [name, plan] of Object.entries(all)) {
      const at = pointed("/plans", name)
      if (!isPlanName(name)) say(at, "is no name: small letters, digits, and - _ . in between")
      const found = readPlan(plan, at)
      if (found instanceof HeraldError)
        problems.push(...problemsOf(found).map((one) => ({ ...one, at: `${at}${one.at}` })))
      else plans.push([name, plan as PlanText])
    }

  const required: Array<Required> = []
  for (const [nth, one] of listOf(said, "required", say).entries()) {
    const at = pointed("/required", nth + 1)
    const { keys, plan, ...more } = one
    const wrong = typeof keys === "string" ? (keys === "*" ? undefined : wrongNamePattern(keys)) : "has to name keys"
    if (wrong !== undefined) say(pointed(at, "keys"), wrong)
    else if (Object.keys(more).length > 0) say(at, "has keys and a plan, and nothing else")
    else if (plan !== undefined && !plans.some(([name]) => name === plan))
      say(pointed(at, "plan"), `${excerpt(written(plan))} is none of the plans`)
    else required.push({ keys: keys as string, plan: plan as string | undefined })
  }

  const freezes: Array<Freeze> = []
  for (const [nth, one] of listOf(said, "freezes", say).entries()) {
    const at = pointed("/freezes", nth + 1)
    const { from, until, message = "" } = one
    const [begin, end] = [momentOf(from), momentOf(until)]
    if (begin === undefined || end === undefined) say(at, "has to say from and until, as 2026-12-20T00:00:00Z")
    else if (end <= begin) say(at, "ends before it begins")
    else if (typeof message !== "string" || message.length > 500)
      say(pointed(at, "message"), "has to be a text of at most 500 characters")
    else freezes.push({ from: begin, until: end, message })
  }
  return { policy: { plans: Object.fromEntries(plans), required, freezes }, problems }
}

const listOf = (
  said: Members,
  name: "required" | "freezes",
  say: (at: string, problem: string) => void
): ReadonlyArray<Members> => {
  const { [name]: list = [] } = said
  if (!Array.isArray(list) || !list.every(isMembers)) say(pointed("", name), "has to be a list of members")
  else if (list.length > MOST) say(pointed("", name), `has more than ${MOST} entries`)
  else return list
  return []
}

const momentOf = (said: unknown): number | undefined => {
  if (typeof said !== "string" || said.startsWith("+")) return undefined
  const when = whenOf(said)
  return when instanceof HeraldError ? undefined : when.dueAt!
}

const problemsOf = ({ details }: HeraldError): ReadonlyArray<Problem> =>
  (details?.["problems"] as ReadonlyArray<Problem> | undefined) ?? []

/** As `InvalidPlan`. */
export const policyProblem = (environment: string, problems: ReadonlyArray<Problem>): HeraldError =>
  failure("InvalidPlan", `what ${environment} says of rollouts: ${problems.slice(0, 20).map(told).join("; ")}`, {
    details: { problems: problems.slice(0, 20) }
  })

/** What binds publishers: the keys that ask for a plan, and those plans; as a text that is another when it is. */
export const bindingOf = ({ required, plans }: Policy): string =>
  canonical({ required, plans: required.flatMap(({ plan }) => (plan === undefined ? [] : [plans[plan]])) })

/** The rule for a key, which is named as clients do (`@flag/…`). PY2 */
export const requiredFor = ({ required }: Policy, name: string): Required | undefined => {
  let found: Required | undefined
  for (const one of required) {
    if (one.keys !== name && !matches(one.keys, name)) continue
    if (found === undefined || one.keys === name || (found.keys !== name && one.keys.length > found.keys.length))
      found = one
  }
  return found
}
