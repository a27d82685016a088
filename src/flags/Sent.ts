/**
 * A flag as Herald's own clients get it, as one text a flag: its rule with all that it refers to, and nothing that is for people alone. Pure,
 * without packages beside the engine: the SDK reads here what the server writes.
 *
 *   FK1  A client that evaluates what it was sent is answered as the server answers: values, variants, reasons, error codes, metadata.
 *   FK2  What a client can't evaluate it refuses when it comes, with the reason, and keeps what it had: an operator or a bucketing of a newer
 *        server would otherwise give each caller the default.
 *   FK3  A flag that would have more than `SENT` characters is sent as disabled, so that its callers are served their own default.
 */
import { excerpt } from "../text/Excerpt.ts"
import { type Definition, type FlagType, type Metadata, typeOf } from "./Definition.ts"
import { Flag, type HowToEvaluate } from "./Evaluator.ts"
import { compiled, type Exporting } from "./Exported.ts"
import type { Bucketing } from "./Fractional.ts"
import type { Json } from "./Json.ts"
import { operation, operators } from "./Operators.ts"

/** Characters of one flag. FK3 */
export const SENT = 1_048_576

interface Need {
  readonly flag: string
  readonly holds: Json
}

interface Sent {
  readonly state: "ENABLED" | "DISABLED"
  readonly variants: { readonly [name: string]: Json }
  readonly defaultVariant?: string
  readonly targeting?: Json
  readonly metadata?: Metadata
  readonly prerequisites?: ReadonlyArray<Need>
  /** Whoever is shown it is to be reported. */
  readonly purpose?: "experiment"
  /** "v2" when it is left out. */
  readonly bucketing?: Bucketing
}

/** What is sent of a flag. FK1 */
export const sent = (key: string, definition: Definition, exporting: Exporting, bucketing: Bucketing): string => {
  const { enabled, variants, defaultVariant, metadata, about } = definition
  const rules = enabled ? compiled(key, definition, exporting) : { targeting: undefined, prerequisites: [] }
  const write = (its: typeof rules): string =>
    JSON.stringify({
      state: its === undefined || !enabled ? "DISABLED" : "ENABLED",
      variants: Object.fromEntries(variants),
      ...(defaultVariant === undefined ? {} : { defaultVariant }),
      ...(its?.targeting === undefined ? {} : { targeting: its.targeting }),
      ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
      ...(its === undefined || its.prerequisites.length === 0 ? {} : { prerequisites: its.prerequisites }),
      ...(about.purpose === "experiment" ? { purpose: about.purpose } : {}),
      ...(bucketing === "v2" ? {} : { bucketing })
    } satisfies Sent)
  const text = write(rules)
  return text.length <= SENT ? text : write(undefined) // FK3
}

const isObject = (value: unknown): value is { readonly [name: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isNeed = (said: unknown): said is Need =>
  isObject(said) && typeof said["flag"] === "string" && said["holds"] !== undefined

/** Why a rule can't be evaluated here; undefined when it can. FK2 */
const problemOf = (rule: Json): string | undefined => {
  const left: Array<Json> = [rule]
  for (let one = left.pop(); one !== undefined; one = left.pop()) {
    if (Array.isArray(one)) for (const item of one as ReadonlyArray<Json>) left.push(item)
    else if (isObject(one)) {
      const [name, given] = operation(one) ?? []
      if (name === undefined) return "an object in its rule is no operator"
      if (!operators.has(name)) return `its rule has the operator ${excerpt(name)}, which this version does not know`
      left.push((given ?? null) as Json)
    }
  }
  return undefined
}

/** Whether another flag serves what this one needs. */
const MET = new Map<string, Json>([
  ["met", true],
  ["unmet", false]
])

/** The flag that a text is of, as `JSON.parse` read it; or why it can't be evaluated. It says nothing of the values in it. FK2 */
export const received = (key: string, said: unknown, now: () => number): Flag | string => {
  if (!isObject(said)) return "it is no object"
  const { state, variants, defaultVariant, targeting, metadata = {}, prerequisites = [], bucketing = "v2" } = said
  if (state !== "ENABLED" && state !== "DISABLED") return "its state is neither ENABLED nor DISABLED"
  if (bucketing !== "v2" && bucketing !== "v3") return "it has a bucketing that this version does not know"
  if (!isObject(variants)) return "it has no variants"
  const [first] = Object.values(variants)
  const type: FlagType | undefined = first === undefined ? undefined : typeOf(first)
  if (type === undefined || Object.values(variants).some((value) => typeOf(value) !== type))
    return "its variants are not of one type"
  if (defaultVariant !== undefined && !(typeof defaultVariant === "string" && Object.hasOwn(variants, defaultVariant)))
    return "its default is none of its variants"
  if (!isObject(metadata)) return "its metadata is no object"
  if (!Array.isArray(prerequisites) || !prerequisites.every(isNeed)) return "its prerequisites are no list of them"
  const needs: ReadonlyArray<Need> = prerequisites
  for (const rule of [...(targeting === undefined ? [] : [targeting]), ...needs.map(({ holds }) => holds)]) {
    const problem = problemOf(rule)
    if (problem !== undefined) return problem
  }
  const how = { bucketing, ruleOf: () => undefined, now } as const
  const definitionOf = (more: Partial<Definition>): Definition => ({
    enabled: true,
    type: "boolean",
    variants: MET,
    defaultVariant: "unmet",
    targeting: undefined,
    evaluators: new Map(),
    metadata: {},
    prerequisites: [],
    about: {},
    ...more
  })
  const others = new Map<string, Flag>()
  const flagOf: HowToEvaluate["flagOf"] = (name) => others.get(name)
  for (const [flag, its] of Map.groupBy(needs, (one) => one.flag)) {
    const targeting = { if: [{ and: its.map(({ holds }) => holds) }, "met", "unmet"] }
    others.set(flag, new Flag(key, definitionOf({ targeting }), { ...how, flagOf }))
  }
  return new Flag(
    key,
    definitionOf({
      enabled: state === "ENABLED",
      type,
      variants: new Map(Object.entries(variants)),
      defaultVariant: defaultVariant as string | undefined,
      targeting,
      metadata: metadata as Metadata,
      prerequisites: [...others.keys()].map((flag) => ({ flag, variant: "met" }))
    }),
    { ...how, flagOf }
  )
}
