/**
 * Turns a rule as it is written into what the engine compiles: constants are read once, lists become sets, and what can grow is counted. Pure.
 *
 *   FE3  A rule and what it is lowered to give the same, but for the work that it takes.
 *   FE4  `$flagd` is the evaluator's, whatever the caller sends under that name.
 */

import { made, OWN, targetingKeyNow } from "./Engine.ts"
import { type Bucketing, type Buckets, chosen, hashOf, isUnit, readBuckets, unitOf } from "./Fractional.ts"
import { isMembers } from "./Json.ts"
import { begin, hashText } from "./Murmur.ts"
import { argumentsOf, harmfulPart, ITERATORS, MEMBER, operation, operators } from "./Operators.ts"
import { compared, comparing, isComparison } from "./Version.ts"

export interface Lowered {
  readonly rule: unknown
  /** It may read the context by a name that is not known yet, or as a whole: `$flagd` has to be in it. FE4 */
  readonly whole: boolean
  /** It goes through lists, is large, or asks who is evaluated or when: it is run by `running`. */
  readonly bounded: boolean
}

/** Why a rule can't be compiled at all. */
export class Unreadable extends Error {}

/** What json-logic-engine 5.0.7 compiles to `a ? b : c`, and puts where it is torn apart: behind `+` of `cat`, before `|| []`. */
export const TORN: ReadonlySet<string> = new Set(["and", "or", "missing", "missing_some", "all", "/"])

/** Values of a rule from which on every text that it reads is counted. FE1 */
const LARGE = 1_000
/** Values of a list from which on it becomes a set. */
const MANY = 8

const isScalar = (value: unknown): boolean => typeof value !== "object" || value === null

/** Values in it: what asking it once costs. */
export const weightOf = (rule: unknown): number => {
  if (typeof rule === "string") return 1 + rule.length / 256
  if (typeof rule !== "object" || rule === null) return 1
  let weight = 1
  for (const one of Array.isArray(rule) ? rule : Object.values(rule)) weight += weightOf(one)
  return weight
}

export const lower = (rule: unknown, flagKey: string, bucketing: Bucketing): Lowered => {
  let whole = false
  const large = weightOf(rule) > LARGE
  let bounded = large

  /** What can be long is counted where it may be read again and again. FE1 */
  const counted = (lowered: unknown, inside: boolean): unknown =>
    inside || large ? { [OWN.spent]: [lowered] } : lowered

  const variable = (given: unknown, inside: boolean): unknown => {
    const [name, otherwise, ...more] = argumentsOf(given)
    if (more.length > 0) throw new Unreadable()
    const fallback = otherwise === undefined ? [] : [visit(otherwise, inside)]
    if (typeof name === "object" && name !== null) {
      whole = bounded = true
      return counted({ var: [{ [OWN.name]: [visit(name, inside)] }, ...fallback] }, inside)
    }
    const path = name === undefined || name === null ? "" : String(name)
    const nothing = isScalar(otherwise) ? { [OWN.known]: [otherwise ?? null] } : fallback[0]
    if (harmfulPart(path) !== undefined) return nothing // FR2
    if (path === "" || path.includes("../") || path === "$flagd") whole = true
    // FE4
    else if (!inside && path === "$flagd.flagKey") return { [OWN.known]: [flagKey] }
    else if (!inside && path === "$flagd.timestamp") {
      bounded = true
      return { [OWN.seconds]: [] }
    } else if (!inside && path.startsWith("$flagd.")) return nothing
    return counted({ var: Array.isArray(given) ? [...given.slice(0, 1), ...fallback] : given }, inside)
  }

  /** A list or a text of what it is given. FE1 */
  const joined = (name: string, given: unknown, inside: boolean): unknown => {
    const args = argumentsOf(given)
    const small = name === "cat" && Array.isArray(given) && args.filter((one) => !isScalar(one)).length < MANY
    if (small && !inside && !large) return { [name]: visit(given, inside) }
    bounded = true
    const part = (one: unknown) => (isScalar(one) ? one : { [OWN.walk]: [visit(one, inside), 1] })
    return { [OWN.made]: [{ [name]: Array.isArray(given) ? given.map(part) : part(given) }] }
  }

  /** Counts what is hashed where it may be again and again. FE1 */
  const hashing =
    (inside: boolean, of: (unit: unknown) => unknown) =>
    (unit: unknown): unknown =>
      of(inside || large ? made(unit) : unit)

  const missing = (name: string, given: unknown, inside: boolean): unknown => {
    const said = JSON.stringify(given)
    if (said.includes("{") || said.includes("$flagd")) whole = true
    if (!said.includes("{")) {
      const names = name === "missing" ? argumentsOf(given) : argumentsOf(argumentsOf(given)[1])
      for (const one of names) if (harmfulPart(String(one)) !== undefined) throw new Unreadable()
      return { [name]: given }
    }
    bounded = true
    const names = (of: unknown) => ({ [OWN.names]: [visit(of, inside)] })
    if (name === "missing")
      return { missing: Array.isArray(given) ? given.map((one) => (isScalar(one) ? one : names(one))) : names(given) }
    const [least, of] = argumentsOf(given)
    return { missing_some: [visit(least, inside), names(of)] }
  }

  const fractional = (given: unknown, inside: boolean): unknown => {
    if (!Array.isArray(given)) return { [OWN.apply]: [(args: unknown) => bucketed(args), visit(given, inside)] }
    const [first, ...rest] = given as ReadonlyArray<unknown>
    const constant = (buckets: ReadonlyArray<unknown>) =>
      buckets.every((one) => Array.isArray(one) && one.every(isScalar)) ? readBuckets(buckets) : undefined
    if (Array.isArray(first)) {
      const buckets = constant(given)
      if (buckets !== undefined) {
        if (!inside)
          return { [OWN.ofTargetingKey]: [large ? hashing(inside, ofTargetingKey(buckets)) : ofTargetingKey(buckets)] }
        bounded = true
        const of = hashing(inside, ofTargetingKey(buckets))
        return { [OWN.call]: [() => of(targetingKeyNow()), null] }
      }
    } else if (isMembers(first) || typeof first === "string") {
      const buckets = constant(rest)
      const seeded = buckets && bucketing === "v2" && seedIn(first, inside)
      if (buckets && seeded) {
        const begun = begin(seeded.seed)
        // As the engine puts texts together: null is a text where it compiles, and nothing where it interprets.
        const of = hashing(inside, (last) =>
          chosen(buckets, hashText(typeof last === "string" ? last : `${last}`, begun))
        )
        return { [OWN.call]: [of, visit(seeded.last, inside), (last: unknown) => of(last ?? "")] }
      }
      if (buckets !== undefined) {
        bounded = true
        const of = (unit: unknown) =>
          isUnit(bucketing, made(unit)) ? chosen(buckets, hashOf(bucketing, unit as string)) : bucketed([unit, ...rest])
        return { [OWN.call]: [of, visit(first, inside)] }
      }
    }
    bounded = true
    return { [OWN.apply]: [bucketed, ...given.map((one) => visit(one, inside))] }
  }

  const ofTargetingKey = (buckets: Buckets): ((key: unknown) => unknown) => {
    const begun = begin(flagKey)
    if (bucketing === "v2")
      return (key) => (key ? chosen(buckets, hashText(typeof key === "string" ? key : `${key}`, begun)) : null)
    return (key) => {
      const unit = unitOf(bucketing, flagKey, key)
      return unit === undefined ? null : chosen(buckets, hashOf(bucketing, unit))
    }
  }

  /** A text that begins with what is known: `{"cat": ["seed", {"var": …}]}`. */
  const seedIn = (first: unknown, inside: boolean): { readonly seed: string; readonly last: unknown } | undefined => {
    const [name, given] = (isMembers(first) && operation(first)) || []
    if (name !== "cat" || !Array.isArray(given) || given.length < 2) return undefined
    const before = given.slice(0, -1).map((one) => (isMembers(one) ? knownIn(visit(one, inside)) : one))
    const last: unknown = given.at(-1)
    return isMembers(last) && before.every((one) => typeof one === "string")
      ? { seed: before.join(""), last }
      : undefined
  }

  const knownIn = (lowered: unknown): unknown =>
    (lowered as { readonly [OWN.known]?: [string] } | null)?.[OWN.known]?.[0]

  /** Buckets that are known only now. */
  const bucketed = (given: unknown): unknown => {
    if (!Array.isArray(given) || given.length === 0) return null
    const [first, ...rest] = given as ReadonlyArray<unknown>
    const said = isUnit(bucketing, first)
    const unit = said ? (first as string) : unitOf(bucketing, flagKey, targetingKeyNow())
    const buckets = readBuckets(said ? rest : given)
    return unit === undefined || buckets === undefined
      ? null
      : chosen(buckets, hashOf(bucketing, made(unit) as typeof unit))
  }

  const version = (given: unknown, inside: boolean): unknown => {
    if (Array.isArray(given) && given.length === 3 && isScalar(given[1]) && isScalar(given[2])) {
      const [left, comparison, right] = given as ReadonlyArray<unknown>
      const by = String(comparison)
      return { [OWN.call]: [isComparison(by) ? comparing(by, right) : () => null, visit(left, inside)] }
    }
    const of = (args: unknown) => {
      const all = argumentsOf(args)
      return all.length === 3 ? compared(all[0], all[1], all[2]) : null
    }
    return Array.isArray(given)
      ? { [OWN.apply]: [of, ...given.map((one) => visit(one, inside))] }
      : { [OWN.call]: [of, visit(given, inside)] }
  }

  const visit = (rule: unknown, inside: boolean): unknown => {
    const made = seen(rule, inside)
    const [name] = (isMembers(made) && operation(made)) || []
    return name !== undefined && TORN.has(name) ? { [OWN.group]: [made] } : made
  }

  const seen = (rule: unknown, inside: boolean): unknown => {
    if (Array.isArray(rule)) return rule.map((one) => visit(one, inside))
    if (!isMembers(rule)) return rule
    const [name, given] = operation(rule) ?? []
    if (name === MEMBER) {
      const [isIn, who] = given as ReadonlyArray<unknown>
      return { [OWN.call]: [isIn, visit(who, inside)] }
    }
    if (name === undefined || !operators.has(name)) throw new Unreadable() // FR1
    switch (name) {
      case "var":
        return variable(given, inside)
      case "missing":
      case "missing_some":
        return missing(name, given, inside)
      case "fractional":
        return fractional(given, inside)
      case "sem_ver":
        return version(given, inside)
      case "starts_with":
      case "ends_with": {
        if (!Array.isArray(given) || given.length !== 2) return { [OWN.call]: [() => null, visit(given, inside)] }
        return { [name === "starts_with" ? OWN.starts : OWN.ends]: given.map((one) => visit(one, inside)) }
      }
      case "in": {
        if (!Array.isArray(given) || given.length < 2) break
        const [needle, within] = given as ReadonlyArray<unknown>
        if (!Array.isArray(within)) {
          bounded = true
          return { [OWN.contains]: [visit(needle, inside), visit(within, inside)] }
        }
        // The engine folds what is the same for everyone, and does so better than a set.
        if (within.length < MANY || !within.every(isScalar) || !JSON.stringify(needle).includes('{"var":')) break
        return { [OWN.held]: [visit(needle, inside), new Set(within)] }
      }
    }
    if (ITERATORS.has(name)) {
      if (!Array.isArray(given)) throw new Unreadable()
      const [list, each, ...more] = given as ReadonlyArray<unknown>
      bounded = true
      const walk = { [OWN.walk]: [visit(list, inside), weightOf(each)] }
      return { [name]: [walk, visit(each, true), ...more.map((one) => visit(one, inside))] }
    }
    return name === "cat" || name === "merge" ? joined(name, given, inside) : { [name]: visit(given, inside) }
  }

  return {
    rule: visit(rule, false),
    get whole() {
      return whole
    },
    get bounded() {
      return bounded
    }
  }
}
