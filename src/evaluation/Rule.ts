/**
 * Checks a targeting rule before it is published. Pure.
 *
 *   FR1, FR2 in Operators.ts
 *   FR3  A variant that the rule names is there: every text, number or truth value that the rule can end with is looked at.
 *   FR4  A `$ref` names a rule that is there.
 */

import { excerpt } from "../text/Excerpt.ts"
import { nearby } from "../text/Nearest.ts"
import { pointed } from "./Definition.ts"
import { bucketProblem, WEIGHT } from "./Fractional.ts"
import type { Json } from "./Json.ts"
import { ARGUMENTS, argumentsOf, harmfulPart, operation, operators, REF } from "./Operators.ts"

type Say = (at: string, problem: string) => undefined

export interface Around {
  /** Undefined: the rule is a part of others, and it is not known what it decides. */
  readonly variants: ReadonlyMap<string, unknown> | undefined
  /** Of rules that `$ref` may name; "any": it is not known yet. */
  readonly names: ReadonlySet<string> | "any"
  /** What it gives is the variant. */
  readonly leaf: boolean
}

/** Says what is wrong. The rule nests no deeper than a value may. */
export const checkRule = (rule: Json, at: string, around: Around, say: Say): void => {
  const { variants, names, leaf } = around
  const part = { ...around, leaf: false }

  if (Array.isArray(rule)) {
    if (leaf) say(at, "is a list, which is no variant")
    for (const [index, one] of rule.entries()) checkRule(one, pointed(at, index), part, say)
    return
  }
  if (typeof rule !== "object" || rule === null) {
    if (leaf && rule !== null && variants !== undefined) checkVariant(String(rule), at, variants, say) // FR3
    return
  }
  const found = operation(rule)
  if (found === undefined) {
    const count = Object.keys(rule).length
    say(at, count === 0 ? "is an empty object, which is no rule" : `has ${count} operators; it has one`)
    return
  }
  const [name, given] = found as [string, Json]
  const here = pointed(at, name)
  if (name === REF) {
    // FR4
    if (typeof given !== "string") say(here, "has to be the name of a rule")
    else if (names !== "any" && !names.has(given))
      say(here, `is ${excerpt(given)}, and no rule is called so${meant(given, names)}`)
    return
  }
  const operator = operators.get(name)
  if (operator === undefined) {
    say(here, `is no operator${meant(name, operators.keys())}`) // FR1
    return
  }
  if (operator.list === true && !Array.isArray(given)) {
    say(here, "takes a list of arguments")
    return
  }
  const args = argumentsOf(given) as ReadonlyArray<Json>
  if (Array.isArray(given) && (args.length < operator.least || args.length > operator.most)) {
    say(here, `takes ${amount(operator.least, operator.most)}, and has ${args.length}`)
    return
  }
  const placeOf = (index: number) => (Array.isArray(given) ? pointed(here, index) : here)
  if (leaf && operator.judges === true && variants !== undefined) {
    for (const one of ["true", "false"]) {
      if (!variants.has(one)) say(here, `gives true or false, and there is no variant called ${one}`) // FR3
    }
  }
  switch (name) {
    case "var":
    case "missing":
    case "missing_some":
      for (const one of args.slice(0, name === "var" ? 1 : args.length).flat()) {
        const harm = typeof one === "string" ? harmfulPart(one) : undefined
        if (harm !== undefined) say(here, `reads ${harm}, which is not allowed`) // FR2
      }
      break
    case "if":
      for (const [index, one] of args.entries()) {
        const decides = index % 2 === 1 || (index === args.length - 1 && index > 0)
        checkRule(one, placeOf(index), { ...around, leaf: leaf && decides }, say)
      }
      return
    case "and":
    case "or":
      for (const [index, one] of args.entries()) {
        checkRule(one, placeOf(index), { ...around, leaf: leaf && (name === "or" || index === args.length - 1) }, say)
      }
      return
    case "fractional":
      checkBuckets(args, placeOf, around, say)
      return
  }
  for (const [index, one] of args.entries()) checkRule(one, placeOf(index), part, say)
}

const checkVariant = (name: string, at: string, variants: ReadonlyMap<string, unknown>, say: Say): void => {
  if (!variants.has(name)) say(at, `is ${excerpt(name)}, which is no variant${meant(name, variants.keys())}`)
}

const meant = (name: string, names: Iterable<string>): string => {
  const [near] = nearby(name, names)
  return near === undefined ? "" : `; is ${near} meant?`
}

const amount = (least: number, most: number): string => {
  if (least === most) return `${least} ${least === 1 ? "argument" : "arguments"}`
  return most === ARGUMENTS && least > 0 ? `${least} to ${most} arguments` : `at most ${most} arguments`
}

const isScalar = (value: unknown): boolean => typeof value !== "object" || value === null

const checkBuckets = (
  args: ReadonlyArray<Json>,
  placeOf: (index: number) => string,
  around: Around,
  say: Say
): void => {
  const named = !Array.isArray(args[0])
  if (named) checkRule(args[0]!, placeOf(0), { ...around, leaf: false }, say)
  if (named && args.length === 1) say(placeOf(0), "has no buckets behind it")
  let total = 0
  for (const [index, bucket] of args.entries()) {
    if (named && index === 0) continue
    const at = placeOf(index)
    if (!Array.isArray(bucket)) {
      say(at, "is no bucket: [variant, weight]")
      continue
    }
    const [variant, weight = 1] = bucket as ReadonlyArray<Json>
    const problem = bucketProblem([...bucket.map((one: Json, place) => (isScalar(one) ? one : place === 0 ? "" : 1))])
    if (problem !== undefined) say(at, problem)
    else if (typeof weight === "number") total += Math.max(0, weight)
    if (variant !== undefined) checkRule(variant, pointed(at, 0), around, say)
    if (!isScalar(weight)) checkRule(weight, pointed(at, 1), { ...around, leaf: false }, say)
  }
  if (total > WEIGHT) say(placeOf(args.length - 1), `brings the sum of weights to ${total}; ${WEIGHT} is the most`)
}
