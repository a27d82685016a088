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
export const exported = (key: string, definition: Definition, exporting: Exporting): string => {
  const { enabled, variants, defaultVariant, metadata } = definition
  let state = enabled ? "ENABLED" : "DISABLED"
  let targeting: Json | undefined
  try {
    if (enabled) targeting = compiling(key, exporting).rule(key, definition, { left: EXPANDED })
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
}

/** What becomes of the rules of a flag, and of those that it needs, for whoever has nothing else. Undefined: too large. FX2 */
export const compiled = (
  key: string,
  definition: Definition,
  exporting: Exporting
):
  | {
      readonly targeting: Json | undefined
      readonly prerequisites: ReadonlyArray<{ readonly flag: string; readonly holds: Json }>
    }
  | undefined => {
  const budget = { left: EXPANDED }
  const { own, holds } = compiling(key, exporting)
  try {
    return {
      targeting: own(definition, budget),
      prerequisites: definition.prerequisites.map((one) => ({ flag: one.flag, holds: holds(one, budget, 0) }))
    }
  } catch (error) {
    if (!(error instanceof TooLarge)) throw error
    return undefined
  }
}

const compiling = (key: string, { ruleOf, definitionOf }: Exporting) => {
  const own = ({ targeting, evaluators }: Definition, budget: Budget): Json | undefined => {
    if (targeting === undefined) return undefined
    const { rule } = resolved(targeting, (name) => evaluators.get(name) ?? ruleOf(name))
    if (rule === undefined) throw new TooLarge()
    if ((budget.left -= sizeOf(rule)) < 0) throw new TooLarge()
    return rule
  }

  const rule = (of: string, its: Definition, budget: Budget, depth = 0): Json | undefined => {
    if (depth > EXPANDED_DEPTH / 10) throw new TooLarge()
    const alone = own(its, budget)
    const named = alone === undefined || of === key ? alone : inTheNameOf(of, alone)
    if (its.prerequisites.length === 0 || named === undefined) return named
    return { if: [{ and: its.prerequisites.map((one) => holds(one, budget, depth)) }, named, null] }
  }

  /** Whether another flag serves that variant: its rule is mentioned once, so that a chain of flags stays a chain. */
  const holds = ({ flag, variant }: Prerequisite, budget: Budget, depth: number): Json => {
    const other = definitionOf(flag)
    if (other === undefined || !other.enabled) return false
    const its = rule(flag, other, budget, depth + 1)
    if (its === undefined) return other.defaultVariant === variant
    if (other.defaultVariant !== variant) return { in: [its, formsOf([variant])] }
    return { "!": [{ in: [its, formsOf([...other.variants.keys()].filter((name) => name !== variant))] }] }
  }

  return { own, rule, holds }
}

/** What a rule may give for these variants: a rule's result is taken by its text. */
const formsOf = (names: ReadonlyArray<string>): ReadonlyArray<Json> =>
  names.flatMap((name): ReadonlyArray<Json> => {
    if (name === "true" || name === "false") return [name, name === "true"]
    return String(Number(name)) === name ? [name, Number(name)] : [name]
  })

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

const sizeOf = (rule: Json): number => {
  if (typeof rule !== "object" || rule === null) return 1
  let size = 1
  for (const one of Array.isArray(rule) ? rule : Object.values(rule)) size += sizeOf(one as Json)
  return size
}
