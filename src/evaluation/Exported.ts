/**
 * Writes flags as flagd has them, for clients that evaluate in their own process: references in their places, prerequisites compiled into the
 * rule. Pure.
 *
 *   FX1  A client that evaluates what is exported is answered as this server answers.
 *   FX2  What can't be told, as it is too large or asks for what stays on the server, is exported as disabled, so that its callers are served
 *        their own default; the metadata says why, as `notCompiled`.
 */

import type { Definition, Prerequisite } from "./Definition.ts"
import type { Bucketing } from "./Fractional.ts"
import type { Json } from "./Json.ts"
import { operation } from "./Operators.ts"
import { EXPANDED, EXPANDED_DEPTH, listIn, resolved } from "./References.ts"

export interface Exporting {
  readonly ruleOf: (name: string) => Json | undefined
  readonly definitionOf: (flag: string) => Definition | undefined
  /** "v2" when it is left out. */
  readonly bucketing?: Bucketing
}

/** Why the rule can't be told to whoever has nothing else. FX2 */
class NotCompiled extends Error {}

const TOO_LARGE = "its rule is too large"

/** Values that the rule may still have. */
interface Budget {
  left: number
}

/** The members of a flag in flagd's document. */
export const exported = (
  key: string,
  definition: Definition,
  { ruleOf, definitionOf, bucketing = "v2" }: Exporting
): string => {
  const { enabled, variants, defaultVariant, metadata } = definition
  let state = enabled ? "ENABLED" : "DISABLED"
  let targeting: Json | undefined
  let why: { readonly notCompiled?: string } = {}
  try {
    if (enabled) targeting = ruleWith(key, definition, { left: EXPANDED })
  } catch (error) {
    if (!(error instanceof NotCompiled)) throw error
    state = "DISABLED"
    why = { notCompiled: error.message }
  }
  return JSON.stringify({
    state,
    variants: Object.fromEntries(variants),
    defaultVariant: defaultVariant ?? "",
    ...(targeting === undefined ? {} : { targeting }),
    metadata: { ...metadata, ...why }
  })

  function ownRule({ targeting, evaluators }: Definition, budget: Budget): Json | undefined {
    if (targeting === undefined) return undefined
    const { rule } = resolved(targeting, (name) => evaluators.get(name) ?? ruleOf(name))
    if (rule === undefined) throw new NotCompiled(TOO_LARGE)
    const list = listIn(rule)
    if (list !== undefined) throw new NotCompiled(`the ids of the segment ${list} stay on the server`)
    if ((budget.left -= sizeOf(rule)) < 0) throw new NotCompiled(TOO_LARGE)
    return rule
  }

  function ruleWith(of: string, its: Definition, budget: Budget, depth = 0): Json | undefined {
    if (depth > EXPANDED_DEPTH / 10) throw new NotCompiled(TOO_LARGE)
    const rule = ownRule(its, budget)
    const own = rule === undefined || of === key ? rule : inTheNameOf(of, rule, bucketing)
    if (its.prerequisites.length === 0 || own === undefined) return own
    return { if: [{ and: its.prerequisites.map((one) => holds(one, budget, depth)) }, own, null] }
  }

  /** Whether another flag serves that variant: its rule is mentioned once, so that a chain of flags stays a chain. */
  function holds({ flag, variant }: Prerequisite, budget: Budget, depth: number): Json {
    const other = definitionOf(flag)
    if (other === undefined || !other.enabled) return false
    const rule = ruleWith(flag, other, budget, depth + 1)
    if (rule === undefined) return other.defaultVariant === variant
    if (other.defaultVariant !== variant) return { in: [rule, formsOf([variant])] }
    return { "!": [{ in: [rule, formsOf([...other.variants.keys()].filter((name) => name !== variant))] }] }
  }
}

/** What a rule may give for these variants: a rule's result is taken by its text. */
const formsOf = (names: ReadonlyArray<string>): ReadonlyArray<Json> =>
  names.flatMap((name): ReadonlyArray<Json> => {
    if (name === "true" || name === "false") return [name, name === "true"]
    return String(Number(name)) === name ? [name, Number(name)] : [name]
  })

const CHARACTERS = 64

const TARGETING_KEY: Json = { var: "targetingKey" }

/** A rule of another flag, which is to put people into the buckets that it puts them into there. */
const inTheNameOf = (flag: string, rule: Json, bucketing: Bucketing): Json => {
  if (typeof rule !== "object" || rule === null) return rule
  if (Array.isArray(rule)) return rule.map((one: Json) => inTheNameOf(flag, one, bucketing))
  const [name, given] = operation(rule) as [string, Json]
  if (name === "var" && (given === "$flagd.flagKey" || (Array.isArray(given) && given[0] === "$flagd.flagKey")))
    return flag
  const own = inTheNameOf(flag, given, bucketing)
  if (name !== "fractional" || !Array.isArray(own) || !Array.isArray(own[0])) return { [name]: own }
  // v3 hashes a list of both, which no rule can say: a list that comes first is a bucket. FX1
  if (bucketing === "v3")
    throw new NotCompiled(`the buckets of ${flag}, which it needs, can't be told in another flag with bucketing v3`)
  return { if: [TARGETING_KEY, { fractional: [{ cat: [flag, TARGETING_KEY] }, ...own] }, null] }
}

/** Values, and a text for each `CHARACTERS` of it: a rule that is named again and again may hold a long one. */
const sizeOf = (rule: Json): number => {
  if (typeof rule === "string") return 1 + Math.floor(rule.length / CHARACTERS)
  if (typeof rule !== "object" || rule === null) return 1
  let size = 1
  for (const one of Array.isArray(rule) ? rule : Object.values(rule)) size += sizeOf(one as Json)
  return size
}
