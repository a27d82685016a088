import { assert, describe, it } from "@effect/vitest"
import { FlagdCore } from "@openfeature/flagd-core"
import { LogicEngine } from "json-logic-engine"
import type { Definition } from "../../src/evaluation/Definition.ts"
import { Flag } from "../../src/evaluation/Evaluator.ts"
import { TORN } from "../../src/evaluation/Lowering.ts"
import { operation } from "../../src/evaluation/Operators.ts"
import { drawContext, drawRule, variants } from "./Drawn.ts"

const quiet = { error() {}, warn() {}, info() {}, debug() {} }

/** In lists the other one knows neither the flag nor itself, and so fails. */
const OWN = ["fractional", "sem_ver", "starts_with", "ends_with"]
const ITERATES = ["map", "filter", "all", "some", "none", "reduce"]
const asksInside = (rule: unknown, inside = false): boolean => {
  if (typeof rule !== "object" || rule === null) return false
  if (Array.isArray(rule)) return rule.some((one) => asksInside(one, inside))
  const [name, given] = operation(rule)!
  if (inside && OWN.includes(name)) return true
  if (!ITERATES.includes(name)) return asksInside(given, inside)
  const [list, ...each] = given as ReadonlyArray<unknown>
  return asksInside(list, inside) || asksInside(each, true)
}

/** Where the engine tears a condition apart, which the other one leaves so. */
const torn = (rule: unknown): boolean => {
  if (typeof rule !== "object" || rule === null) return false
  if (Array.isArray(rule)) return rule.some(torn)
  const [name, given] = operation(rule)!
  const args = Array.isArray(given) ? given : [given]
  const places = name === "cat" ? args : name === "in" ? [args[1]] : ITERATES.includes(name) ? [args[0]] : []
  const at = (one: unknown) =>
    typeof one === "object" && one !== null && !Array.isArray(one) && TORN.has(operation(one)![0])
  return places.some(at) || torn(given)
}

const engine = new LogicEngine()

/** A part that is the same for everyone and an error: engines differ in when they find out, and nobody wants such a rule. */
const failsForAll = (rule: unknown): boolean => {
  if (typeof rule !== "object" || rule === null) return false
  if (Array.isArray(rule)) return rule.some(failsForAll)
  const [, given] = operation(rule)!
  if (/"(?:var|missing|missing_some|fractional|sem_ver|starts_with|ends_with)":/.test(JSON.stringify(rule)))
    return failsForAll(given)
  try {
    engine.run(rule)
    return failsForAll(given)
  } catch {
    return true
  }
}

const flagOf = (rule: unknown): Flag =>
  new Flag(
    "drawn",
    {
      enabled: true,
      type: "string",
      variants: new Map(Object.entries(variants)),
      defaultVariant: "blue",
      targeting: rule as never,
      evaluators: new Map(),
      metadata: {},
      prerequisites: [],
      about: {}
    } satisfies Definition,
    { bucketing: "v2", ruleOf: () => undefined, flagOf: () => undefined, now: Date.now }
  )

describe("Flag", () => {
  it("FE3, FE6 drawn rules and contexts are answered as @openfeature/flagd-core answers them", () => {
    const [from, rules] = [Number(process.env["FLAGS_SEED"] ?? 1), Number(process.env["FLAGS_RULES"] ?? 300)]
    const reasons = new Map<string, number>()
    for (let seed = from; seed < from + rules; seed++) {
      const rule = drawRule(seed)
      if (asksInside(rule) || torn(rule) || failsForAll(rule)) continue
      const core = new FlagdCore(undefined, quiet)
      core.setConfigurations(
        JSON.stringify({ flags: { drawn: { state: "ENABLED", variants, defaultVariant: "blue", targeting: rule } } })
      )
      const flag = flagOf(rule)
      for (let n = 0; n < 10; n++) {
        const context = drawContext(seed * 100 + n)
        const theirs = core.resolveStringEvaluation("drawn", "code", context as never, quiet)
        const ours = flag.evaluate(context)
        // A list is no variant's name (flagd); this one takes what is in it for one.
        if (ours.errorDetails?.endsWith("gives no variant's name") === true) continue
        const told = () => `seed ${seed}: ${JSON.stringify(rule)} with ${JSON.stringify(context)}: ${ours.errorDetails}`
        assert.strictEqual(ours.errorCode, theirs.errorCode as never, told())
        assert.strictEqual(ours.reason, theirs.reason as never, told())
        assert.strictEqual(ours.variant, theirs.variant, told())
        assert.strictEqual(ours.value ?? "code", theirs.value, told())
        reasons.set(ours.reason, (reasons.get(ours.reason) ?? 0) + 1)
      }
    }
    for (const reason of ["TARGETING_MATCH", "DEFAULT", "ERROR"]) assert.isAbove(reasons.get(reason) ?? 0, rules / 20)
    if (process.env["FLAGS_RULES"] !== undefined) console.log(reasons)
  })
})
