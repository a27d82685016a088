/**
 * Puts the rules that `$ref` names into their places. Pure.
 *
 *   FR5  References are followed as a graph, so one rule may name another; a circle is refused.
 *   FR6  What comes out is bounded: a rule that doubles itself by names is refused before it is made.
 */
import { excerpt } from "../text/Excerpt.ts"
import type { Json } from "./Json.ts"
import { MEMBER, operation, REF } from "./Operators.ts"

/** Values of a rule with all that it names. FR6 */
export const EXPANDED = 200_000
/** Levels of it. */
export const EXPANDED_DEPTH = 200

export type Resolved =
  | { readonly rule: Json; readonly problem?: undefined }
  | { readonly rule?: undefined; readonly problem: string }

/** The rule without `$ref`, or what is in the way. `ruleOf`: undefined where no rule has that name. */
export const resolved = (rule: Json, ruleOf: (name: string) => Json | undefined): Resolved => {
  let values = 0
  let problem: string | undefined
  const open: Array<string> = []
  const visit = (one: Json, depth: number): Json => {
    if (problem !== undefined) return null
    if (++values > EXPANDED) problem = `has more than ${EXPANDED} values with all the rules that it names`
    if (depth > EXPANDED_DEPTH)
      problem = `nests more than ${EXPANDED_DEPTH} levels deep with all the rules that it names`
    if (typeof one !== "object" || one === null || problem !== undefined) return one
    if (Array.isArray(one)) return one.map((item: Json) => visit(item, depth + 1))
    const found = operation(one)
    if (found === undefined || found[0] !== REF) {
      return Object.fromEntries(Object.entries(one).map(([name, given]) => [name, visit(given as Json, depth + 1)]))
    }
    const name = String(found[1])
    const named = ruleOf(name)
    if (named === undefined) problem = `names the rule ${excerpt(name)}, which is not there`
    else if (open.includes(name)) problem = `goes in a circle: ${[...open.slice(open.indexOf(name)), name].join(" → ")}` // FR5
    if (problem !== undefined) return null
    open.push(name)
    const put = visit(named as Json, depth + 1)
    open.pop()
    return put
  }
  const made = visit(rule, 0)
  return problem === undefined ? { rule: made } : { problem }
}

/** Names of rules that a rule names and that are asked for, each once, in their order. */
export const namesIn = (rule: Json, asked: (name: string) => boolean): ReadonlyArray<string> => {
  const found = new Set<string>()
  const visit = (one: Json): void => {
    if (typeof one !== "object" || one === null) return
    const named = Array.isArray(one) ? undefined : (one as Readonly<Record<string, Json>>)[REF]
    if (typeof named === "string") {
      if (asked(named)) found.add(named)
      return
    }
    for (const part of Array.isArray(one) ? one : Object.values(one)) visit(part as Json)
  }
  visit(rule)
  return [...found].sort()
}

/** A segment whose list of ids is kept beside it, so that the rule can't be told to others (FE11). */
export const listIn = (rule: Json): string | undefined => {
  const left: Array<Json> = [rule]
  for (let one = left.pop(); one !== undefined; one = left.pop()) {
    if (typeof one !== "object" || one === null) continue
    if (!Array.isArray(one) && MEMBER in one)
      return String((one as { readonly [MEMBER]: ReadonlyArray<Json> })[MEMBER][2])
    for (const part of Array.isArray(one) ? one : Object.values(one)) left.push((part ?? null) as Json)
  }
  return undefined
}
