/**
 * Writes flags as flagd has them, for clients that evaluate in their own process: references in their places, prerequisites compiled into the
 * rule. Pure.
 *
 *   FX1  A client that evaluates what is exported is answered as this server answers.
 *   FX2  What would be too large to export is exported as disabled, so that its callers are served their own default.
 */

import type { Definition, Prerequisite } from "./Definition.ts"
import type { Json } from "./Json.ts"
import { operation } from "./Operators.ts"
import { EXPANDED, EXPANDED_DEPTH, resolved } from "./References.ts"

export interface Exporting {
  readonly ruleOf: (name: string) => Json | undefined
  readonly definitionOf: (flag: string) => Definition | undefined
}

/** The rule is larger than it may be. FX2 */
class TooLarge extends Error {}

/** Values that the rule may still have. */
interface Budget {
  left: number
}

/** The members of a flag in flagd's document. */
export const exported = (key: string, definition: Definition, { ruleOf, definitionOf }: Exporting): string => {
  const { enabled, variants, defaultVariant, metadata } = definition
  let state = enabled ? "ENABLED" : "DISABLED"
  let targeting: Json | undefined
  try {
    if (enabled) targeting = ruleWith(key, definition, { left: EXPANDED })
  } catch (error) {
    if (!(error instanceof TooLarge)) throw error
    state = "DISABLED"
  }
  return JSON.stringify({
    state,
    variants: Object.fromEntries(variants),
    defaultVariant: defaultVariant ?? "",
    ...(targeting === undefined ? {} : { targeting }),
    metadata
  })

  function ownRule({ targeting, evaluators }: Definition, budget: Budget): Json | undefined {
    if (targeting === undefined) return undefined
    const { rule } = resolved(targeting, (name) => evaluators.get(name) ?? ruleOf(name))
    if (rule === undefined) throw new TooLarge()
    if ((budget.left -= sizeOf(rule)) < 0) throw new TooLarge()
    return rule
  }

  function ruleWith(of: string, its: Definition, budget: Budget, depth = 0): Json | undefined {
    if (depth > EXPANDED_DEPTH / 10) throw new TooLarge()
    const rule = ownRule(its, budget)
    const own = rule === undefined || of === key ? rule : inTheNameOf(of, rule)
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
const inTheNameOf = (flag: string, rule: Json): Json => {
  if (typeof rule !== "object" || rule === null) return rule
  if (Array.isArray(rule)) return rule.map((one: Json) => inTheNameOf(flag, one))
  const [name, given] = operation(rule) as [string, Json]
  if (name === "var" && (given === "$flagd.flagKey" || (Array.isArray(given) && given[0] === "$flagd.flagKey")))
    return flag
  const own = inTheNameOf(flag, given)
  if (name !== "fractional" || !Array.isArray(own) || !Array.isArray(own[0])) return { [name]: own }
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
