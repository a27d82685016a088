/**
 * Tells how a flag came to its variant, step by step, for people who ask why. Pure.
 *
 *   FE9  Its steps end with what an evaluation answers, for they are evaluated by the same engine.
 *   FE13 What a context calls private (`_meta.privateAttributes`) is in no step, nor what it was hashed to.
 *   FE10 Steps are bounded: at most `STEPS_TOLD`, each with at most `SHOWN` characters of what it found.
 */

import { pointed } from "./Definition.ts"
import { type Flag, type HowToEvaluate, runnable } from "./Evaluator.ts"
import { bucketOf, hashOf, isUnit, readBuckets, unitOf } from "./Fractional.ts"
import type { Json } from "./Json.ts"
import { argumentsOf, MEMBER, operation } from "./Operators.ts"
import { resolved } from "./References.ts"
import type { Context, Resolution } from "./Resolution.ts"

export const STEPS_TOLD = 100
/** Characters. */
export const SHOWN = 200

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

const shown = (value: unknown): string => {
  const text = JSON.stringify(value ?? null) ?? "null"
  return text.length > SHOWN ? `${text.slice(0, SHOWN).toWellFormed()}…` : text
}

const HIDDEN = "(private)"

/** Names that a context calls private. FE13 */
const privateIn = (context: Context): ReadonlyArray<string> => {
  const meta = context["_meta"]
  const names = typeof meta === "object" && meta !== null ? (meta as Context)["privateAttributes"] : undefined
  return Array.isArray(names) ? names.filter((name) => typeof name === "string") : []
}

/** Whether a part of a rule reads one of these, or a part of it, or more than one can say. */
const reads = (rule: unknown, hidden: ReadonlyArray<string>): boolean => {
  if (typeof rule !== "object" || rule === null) return false
  if (Array.isArray(rule)) return rule.some((one) => reads(one, hidden))
  const [name, given] = operation(rule) ?? []
  if (name === "var") {
    const path: unknown = Array.isArray(given) ? given[0] : given
    if (typeof path === "object" && path !== null) return true
    const read = String(path ?? "")
    if (read === "" || hidden.some((one) => read === one || read.startsWith(`${one}.`) || one.startsWith(`${read}.`)))
      return true
  }
  return Object.values(rule).some((one) => reads(one, hidden))
}

/** The answer of an evaluation with its steps. Slower than one by far. */
export const tell = (flag: Flag, context: Context, how: HowToEvaluate): Told => {
  const resolution = flag.evaluate(context)
  const { definition, key } = flag
  const hidden = privateIn(context)
  const isHidden = (rule: unknown): boolean => hidden.length > 0 && reads(rule, hidden)
  const steps: Array<Step> = []
  const put = (step: Step): void => {
    if (steps.length < STEPS_TOLD) steps.push(step)
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
    const its = how.flagOf(name)?.evaluate(context).variant
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

  const evaluated = (one: Json): unknown => {
    if (typeof one !== "object" || one === null) return one
    try {
      return runnable(one, key, how)(context)
    } catch {
      return undefined
    }
  }
  const failed = (one: Json): boolean => {
    try {
      runnable(one, key, how)(context)
      return false
    } catch {
      return true
    }
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
        if (evaluated({ "!!": [condition] } as Json) === true) {
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
        if ((evaluated({ "!!": [part] } as Json) === true) === (name === "or")) break
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

  follow(rule, "/targeting")
  return { resolution, steps }
}
