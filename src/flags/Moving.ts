/**
 * Counts who would be given another variant if people were put into buckets in another way. Pure.
 *
 *   WB3  Of people that are made up each operator with buckets is asked by itself, so that a condition before it hides nobody; of people that are
 *        given each flag is asked as a whole.
 *   WB4  What is counted is bounded: `EVALUATIONS` in all and `WORK` of time, and `FEWEST` people at least of each, of as many flags as that leaves.
 */
import type { Definition } from "../evaluation/Definition.ts"
import { Flag, type HowToEvaluate, runnable } from "../evaluation/Evaluator.ts"
import type { Bucketing } from "../evaluation/Fractional.ts"
import type { Json } from "../evaluation/Json.ts"
import { operation } from "../evaluation/Operators.ts"
import { resolved } from "../evaluation/References.ts"
import type { Context } from "../evaluation/Resolution.ts"

/** Pairs of evaluations. WB4 */
export const EVALUATIONS = 1_000_000
/** Milliseconds of evaluating. WB4 */
export const WORK = 5_000
/** People that are made up for one operator. */
export const MOST = 10_000
/** WB4 */
export const FEWEST = 100
/** Flags that are told one by one. */
export const MOVED = 1_000

export interface Moved {
  readonly flag: string
  /** Asked for. */
  readonly people: number
  /** Those of them who would be given another variant. */
  readonly moved: number
}

/** Who would be given another variant with another bucketing. WB3 */
export interface Moving {
  readonly from: Bucketing
  readonly to: Bucketing
  /** Flags that put people into buckets. */
  readonly flags: number
  /** Those of them that were counted: all, unless they are too many. */
  readonly counted: number
  /** Whether people were made up, or given. */
  readonly madeUp: boolean
  /** Those who move the most people first, `MOVED` of them at most. */
  readonly moved: ReadonlyArray<Moved>
  /** Of all flags that were counted, one with the other: people who were asked for, and those who would move. */
  readonly asked: number
  readonly wouldMove: number
}

/** Operators with buckets, of a rule without references. */
export const bucketsIn = (rule: Json): ReadonlyArray<Json> => {
  const found: Array<Json> = []
  const left: Array<Json> = [rule]
  for (let one = left.pop(); one !== undefined; one = left.pop()) {
    if (typeof one !== "object" || one === null) continue
    if (Array.isArray(one)) left.push(...(one as ReadonlyArray<Json>))
    else {
      const [name, given] = operation(one) ?? []
      if (name === "fractional") found.push(one)
      left.push((given ?? null) as Json)
    }
  }
  return found
}

/** The rule with what it names in its place; undefined where it has none, or can't have it. */
export const ruleIn = ({ targeting, evaluators }: Definition, ruleOf: HowToEvaluate["ruleOf"]): Json | undefined =>
  targeting === undefined ? undefined : resolved(targeting, (name) => evaluators.get(name) ?? ruleOf(name)).rule

/** How many people are asked for each of so many things. WB4 */
export const peopleFor = (things: number, given = MOST): number =>
  Math.min(given, Math.max(FEWEST, Math.floor(EVALUATIONS / Math.max(1, things))))

/** Names of what an operator takes as who is put into a bucket. */
const namesIn = (rule: Json): ReadonlyArray<string> => {
  const found: Array<string> = []
  const left: Array<Json> = [rule]
  for (let one = left.pop(); one !== undefined; one = left.pop()) {
    if (typeof one !== "object" || one === null) continue
    if (!Array.isArray(one)) {
      const [name, given] = operation(one) ?? []
      const path = Array.isArray(given) ? given[0] : given
      if (name === "var" && typeof path === "string" && path !== "" && !path.startsWith("$flagd")) found.push(path)
    }
    left.push(...(Object.values(one) as ReadonlyArray<Json>))
  }
  return found
}

/** Somebody who is `id` by each of these names. */
const somebody = (id: string, names: ReadonlyArray<string>): Context => {
  const context: Record<string, unknown> = { targetingKey: id }
  for (const name of names) {
    const path = name.split(".")
    let at = context
    for (const step of path.slice(0, -1)) {
      const next = Object.hasOwn(at, step) && typeof at[step] === "object" ? at[step] : {}
      at[step] = next
      at = next as Record<string, unknown>
    }
    at[path.at(-1)!] = id
  }
  return context
}

type How = Omit<HowToEvaluate, "bucketing">

/** Whether the n-th of some people moves. */
export type Moves = (n: number) => boolean

/** Of people that are made up; undefined where nobody can be asked. WB3 */
export const madeUpBy = (
  key: string,
  buckets: Json,
  from: Bucketing,
  to: Bucketing,
  { now }: How
): Moves | undefined => {
  try {
    const [before, after] = [from, to].map((bucketing) => runnable(buckets, key, { bucketing, now })) as [Rule, Rule]
    const names = namesIn(buckets)
    return (n) => {
      const context = somebody(`person-${n}`, names)
      try {
        return String(before(context)) !== String(after(context))
      } catch {
        return false // it fails, before and after
      }
    }
  } catch {
    return undefined
  }
}

type Rule = ReturnType<typeof runnable>

/** Of people that are given. WB3 */
export const givenBy = (
  key: string,
  definition: Definition,
  people: ReadonlyArray<Context>,
  from: Bucketing,
  to: Bucketing,
  how: How
): Moves => {
  const [before, after] = [from, to].map((bucketing) => new Flag(key, definition, { ...how, bucketing })) as [
    Flag,
    Flag
  ]
  return (n) => before.evaluate(people[n]!).variant !== after.evaluate(people[n]!).variant
}
