/**
 * Tells how a flag came to its variant, step by step, for people who ask why. Pure.
 *
 *   FE9  Its steps end with what an evaluation answers, for they are evaluated by the same engine.
 *   FE13 What a context calls private (`_meta.privateAttributes`) is in no step, nor what it was hashed to.
 *   FE10 Steps are bounded: at most `STEPS_TOLD`, each with at most `SHOWN` characters of what it found. So is what it takes to find them: what is
 *        beyond `PARTS` and `WORK` is left out, and the last step says so.
 */

import { pointed } from "./Definition.ts"
import { type Allowance, STEPS, share } from "./Engine.ts"
import { type Flag, type HowToEvaluate, runnable } from "./Evaluator.ts"
import { bucketOf, hashOf, isUnit, readBuckets, unitOf } from "./Fractional.ts"
import type { Json } from "./Json.ts"
import { argumentsOf, MEMBER, operation } from "./Operators.ts"
import { resolved } from "./References.ts"
import type { Context, Resolution } from "./Resolution.ts"

export const STEPS_TOLD = 100
/** Characters. */
export const SHOWN = 200
/** Parts of rules that are compiled again, or looked into, to tell what each of them gave. */
export const PARTS = 20_000
/** Steps of the engine that all of them have. */
const WORK = 2 * STEPS
/** Characters of a name that is looked for among private ones. */
const NAME = 1_000
/** Values of a list that weigh as much as a part. */
const VALUES = 16

/** It takes more than FE10 allows to tell the rest. */
class Enough extends Error {}

export interface Step {
  /** JSON Pointer into the definition, with the rules that `$ref` names in their places. */
  readonly at: string
  /** What was asked: the operator, or a prerequisite. */
  readonly asked: string
  /** What it gave, as JSON. */
  readonly gave: string
  /** More of it: the bucket, or the operands. */
  readonly because?: string
}

export interface Told {
  readonly resolution: Resolution
  readonly steps: ReadonlyArray<Step>
}

/** As JSON; of what is long, the beginning. What is asked for again is not written again. */
const showing = () => {
  const texts = new Map<unknown, string>()
  return (value: unknown): string => {
    const known = texts.get(value)
    if (known !== undefined) return known
    const text = JSON.stringify(typeof value === "string" ? value.slice(0, SHOWN) : (value ?? null)) ?? "null"
    const said = text.length > SHOWN ? `${text.slice(0, SHOWN).toWellFormed()}…` : text
    if (typeof value === "object") texts.set(value, said)
    return said
  }
}

const HIDDEN = "(private)"

/** Names that a context calls private, and those that they are part of. FE13 */
interface Hidden {
  readonly names: ReadonlySet<string>
  readonly above: ReadonlySet<string>
}

/** `a.b.c`: `a` and `a.b`. */
const partsAbove = function* (name: string): Generator<string> {
  for (let at = name.indexOf("."); at !== -1; at = name.indexOf(".", at + 1)) yield name.slice(0, at)
}

const privateIn = (context: Context): Hidden | undefined => {
  const meta = context["_meta"]
  const said = typeof meta === "object" && meta !== null ? (meta as Context)["privateAttributes"] : undefined
  if (!Array.isArray(said)) return undefined
  const names = new Set<string>()
  const above = new Set<string>()
  for (const one of said) {
    if (typeof one !== "string") continue
    const name = one.length > NAME ? one.split(".", 1)[0]! : one
    names.add(name)
    for (const part of partsAbove(name)) above.add(part)
  }
  return names.size === 0 ? undefined : { names, above }
}

const readsHidden = (path: string, { names, above }: Hidden): boolean => {
  if (path === "" || path.length > NAME || names.has(path) || above.has(path)) return true
  for (const part of partsAbove(path)) if (names.has(part)) return true
  return false
}

/** Whether a part of a rule reads one of these, or a part of it, or more than one can say. `spend`: called for each part that is looked at. */
const reads = (rule: unknown, hidden: Hidden, spend: () => void): boolean => {
  if (typeof rule !== "object" || rule === null) return false
  spend()
  if (Array.isArray(rule)) return rule.some((one) => reads(one, hidden, spend))
  const [name, given] = operation(rule) ?? []
  if (name === "var") {
    const path: unknown = Array.isArray(given) ? given[0] : given
    if (typeof path === "object" && path !== null) return true
    if (readsHidden(String(path ?? ""), hidden)) return true
  }
  return Object.values(rule).some((one) => reads(one, hidden, spend))
}

/** The answer of an evaluation with its steps. Slower than one by far. */
export const tell = (flag: Flag, context: Context, how: HowToEvaluate): Told => {
  const resolution = flag.evaluate(context)
  const { definition, key } = flag
  const shown = showing()
  const hidden = privateIn(context)
  let parts = PARTS
  const work: Allowance = { left: WORK }
  const spend = (weight = 1): void => {
    if ((parts -= weight) < 0) throw new Enough()
  }
  const isHidden = (rule: unknown): boolean => hidden !== undefined && reads(rule, hidden, spend)
  const steps: Array<Step> = []
  const put = (step: Step): void => {
    if (steps.length >= STEPS_TOLD - 1) throw new Enough()
    steps.push(step)
  }
  if (!definition.enabled) {
    put({ at: "/state", asked: "state", gave: '"DISABLED"', because: "the caller's own default is served" })
    return { resolution, steps }
  }
  if (definition.targeting === undefined) {
    put({
      at: "/defaultVariant",
      asked: "defaultVariant",
      gave: shown(definition.defaultVariant),
      because: "it has no targeting"
    })
    return { resolution, steps }
  }
  for (const [index, { flag: name, variant }] of definition.prerequisites.entries()) {
    const its = how.flagOf(name)?.evaluate(context, work).variant
    put({
      at: pointed("/prerequisites", index),
      asked: `${name} is ${variant}`,
      gave: shown(its === variant),
      because: `${name} is ${its ?? "without a variant"}`
    })
    if (its !== variant) return { resolution, steps }
  }
  const { rule } = resolved(definition.targeting, (name) => definition.evaluators.get(name) ?? how.ruleOf(name))
  if (rule === undefined) return { resolution, steps }

  /** What compiling a part costs. */
  const weigh = (one: unknown): void => {
    const isPart = typeof one === "object" && one !== null
    spend(isPart ? 1 : 1 / VALUES)
    if (isPart) for (const part of Object.values(one)) weigh(part)
  }

  /** Of each part, once. */
  const known = new Map<Json, { readonly found: unknown; readonly failed: boolean }>()
  const ran = (one: Json) => {
    let its = known.get(one)
    if (its !== undefined) return its
    weigh(one)
    share(work)
    try {
      its = { found: runnable(one, key, how)(context), failed: false }
    } catch {
      if (work.left <= 0) throw new Enough()
      its = { found: undefined, failed: true }
    } finally {
      share(undefined)
    }
    known.set(one, its)
    return its
  }
  const evaluated = (one: Json): unknown => (typeof one !== "object" || one === null ? one : ran(one).found)
  const failed = (one: Json): boolean => ran(one).failed
  /** As the engine takes it in a condition. */
  const truths = new Map<Json, boolean>()
  const isTrue = (one: Json): boolean => {
    let its = truths.get(one)
    if (its === undefined) truths.set(one, (its = evaluated({ "!!": [one] } as Json) === true))
    return its
  }

  /** Operands that the context has a say in. */
  const operands = (given: unknown): string =>
    argumentsOf(given)
      .slice(0, 4)
      .map((one) => (isHidden(one) ? HIDDEN : shown(evaluated(one as Json))))
      .join(", ")

  const bucketed = (given: unknown): string | undefined => {
    if (!Array.isArray(given)) return undefined
    const args = (given as ReadonlyArray<Json>).map((one) =>
      Array.isArray(one) ? one.map((part: Json) => evaluated(part)) : evaluated(one)
    )
    const said = isUnit(how.bucketing, args[0])
    const unit = said ? (args[0] as Json) : unitOf(how.bucketing, key, context["targetingKey"])
    const buckets = readBuckets(said ? args.slice(1) : args)
    if (unit === undefined) return "there is no targeting key to put into a bucket"
    if (buckets === undefined) return "its buckets can't be read"
    const hash = hashOf(how.bucketing, unit)
    if (isHidden(said ? given[0] : { var: "targetingKey" }))
      return `bucket ${bucketOf(hash, buckets.total)} of ${buckets.total} for ${HIDDEN} (bucketing ${how.bucketing})`
    return `bucket ${bucketOf(hash, buckets.total)} of ${buckets.total} for ${shown(unit)} (hash ${hash}, bucketing ${how.bucketing})`
  }

  const follow = (one: Json, at: string): void => {
    if (typeof one !== "object" || one === null || Array.isArray(one)) {
      put({ at, asked: "variant", gave: shown(one) })
      return
    }
    const [name, given] = operation(one) ?? ["", null]
    const here = pointed(at, name)
    if (name === "if" && Array.isArray(given)) {
      for (let index = 0; index + 1 < given.length; index += 2) {
        const condition = given[index] as Json
        ask(condition, pointed(here, index))
        if (isTrue(condition)) {
          follow(given[index + 1] as Json, pointed(here, index + 1))
          return
        }
      }
      if (given.length % 2 === 1) follow(given.at(-1) as Json, pointed(here, given.length - 1))
      else put({ at: here, asked: "otherwise", gave: "null", because: "the default variant is served" })
      return
    }
    ask(one, at)
  }

  const ask = (one: Json, at: string): void => {
    const [name, given] = (typeof one === "object" && one !== null && !Array.isArray(one) && operation(one)) || []
    if (name === undefined) {
      put({ at, asked: "value", gave: shown(one) })
      return
    }
    const here = pointed(at, name)
    if (name === MEMBER) {
      const [, who, segment] = given as ReadonlyArray<Json>
      const because = isHidden(who) ? HIDDEN : shown(evaluated(who!))
      put({ at, asked: `ids of ${String(segment)}`, gave: failed(one) ? "not loaded" : shown(evaluated(one)), because })
      return
    }
    if ((name === "and" || name === "or") && Array.isArray(given)) {
      for (const [index, part] of (given as ReadonlyArray<Json>).entries()) {
        ask(part, pointed(here, index))
        if (isTrue(part) === (name === "or")) break
      }
    }
    const because =
      name === "fractional" ? bucketed(given) : name === "and" || name === "or" ? undefined : operands(given)
    const found = evaluated(one)
    // What an operator makes of it may be it.
    const tells = typeof found !== "boolean" && found !== null && name !== "fractional" && isHidden(one)
    const gave = failed(one) ? "an error" : tells ? HIDDEN : shown(found)
    put({ at: here, asked: name, gave, ...(because === undefined ? {} : { because }) })
  }

  try {
    follow(rule, "/targeting")
  } catch (error) {
    if (!(error instanceof Enough)) throw error
    const because = "the rest is too much to be told step by step"
    steps.push({ at: "/targeting", asked: "more", gave: shown(resolution.variant), because })
  }
  return { resolution, steps }
}
