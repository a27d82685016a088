/** Builds flags of texts, for tests. */
import { Result } from "effect"
import type { Definition, Problem } from "../../src/evaluation/Definition.ts"
import { Flag, type HowToEvaluate } from "../../src/evaluation/Evaluator.ts"
import { readDefinition } from "../../src/evaluation/ReadDefinition.ts"

export const definitionOf = (given: unknown, known?: ReadonlySet<string>): Definition =>
  Result.getOrThrowWith(readDefinition(JSON.stringify(given), known), (problems) => new Error(JSON.stringify(problems)))

export const problemsOf = (given: unknown, known?: ReadonlySet<string>): ReadonlyArray<Problem> => {
  const read = readDefinition(typeof given === "string" ? given : JSON.stringify(given), known)
  return Result.isFailure(read) ? read.failure : []
}

export const NOON = Date.UTC(2026, 0, 1, 12)

export const how = (more: Partial<HowToEvaluate> = {}): HowToEvaluate => ({
  bucketing: "v2",
  ruleOf: () => undefined,
  flagOf: () => undefined,
  now: () => NOON,
  ...more
})

/** Flags that know each other. */
export const flagsOf = (
  given: Readonly<Record<string, unknown>>,
  more: Partial<HowToEvaluate> = {}
): ReadonlyMap<string, Flag> => {
  const flags = new Map<string, Flag>()
  const its = how({ flagOf: (name) => flags.get(name), ...more })
  for (const [key, one] of Object.entries(given)) flags.set(key, new Flag(key, definitionOf(one), its))
  return flags
}

/** An on-off flag with a rule. */
export const toggle = (targeting?: unknown, more: object = {}) => ({
  state: "ENABLED",
  variants: { on: true, off: false },
  defaultVariant: "off",
  ...(targeting === undefined ? {} : { targeting }),
  ...more
})

export const flagWith = (targeting: unknown, more: Partial<HowToEvaluate> = {}): Flag =>
  flagsOf({ toggle: toggle(targeting) }, more).get("toggle")!
