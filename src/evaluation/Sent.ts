/**
 * A flag as Herald's own clients get it, as one text a flag: its rule with all that it names, the flags that it needs, and nothing that is for
 * people alone. Pure, without packages beside the engine: the SDK reads here what the server writes.
 *
 *   FK1  A client that evaluates what it was sent is answered as the server answers: values, variants, reasons, error codes, metadata.
 *   FK2  What a client can't evaluate it refuses when it comes, with the reason, and keeps what it had: an operator or a bucketing of a newer
 *        server would otherwise give each caller the default.
 *   FK3  A flag that would have more than `SENT` characters, names what can't be put into its place, or asks for a list of ids that stays on the
 *        server, is sent as disabled, so that its callers are served their own default; the metadata says why, as `notCompiled`.
 */
import { excerpt } from "../text/Excerpt.ts"
import { type Definition, type FlagType, type Metadata, type Prerequisite, typeOf } from "./Definition.ts"
import { Flag, type HowToEvaluate } from "./Evaluator.ts"
import type { Exporting } from "./Exported.ts"
import type { Bucketing } from "./Fractional.ts"
import { isMembers, type Json } from "./Json.ts"
import { operation, operators } from "./Operators.ts"
import { listIn, resolved } from "./References.ts"

/** Characters of one flag. FK3 */
export const SENT = 1_048_576

/** A flag that another one needs: which variant it serves is all that counts. */
interface Other {
  readonly state: "ENABLED" | "DISABLED"
  readonly variants: { readonly [name: string]: Json }
  readonly defaultVariant?: string
  /** Without references. */
  readonly targeting?: Json
  readonly prerequisites?: ReadonlyArray<Prerequisite>
}

interface Sent extends Other {
  readonly metadata?: Metadata
  /** The flags that it needs, and that they need, by their names. One that is not here is not there. */
  readonly others?: { readonly [flag: string]: Other }
  /** Whoever is shown it is to be reported. */
  readonly purpose?: "experiment"
  /** "v2" when it is left out. */
  readonly bucketing?: Bucketing
}

/** Why it can't be sent: it would be too large, names what is not there, or asks for what stays on the server. FK3 */
class Unsendable extends Error {}

const TOO_LARGE = "it is too large"

/** What is sent of a flag. FK1 */
export const sent = (key: string, definition: Definition, exporting: Exporting, bucketing: Bucketing): string => {
  let notCompiled = TOO_LARGE
  try {
    const text = written(key, definition, exporting, bucketing)
    if (text.length <= SENT) return text
  } catch (error) {
    if (!(error instanceof Unsendable)) throw error
    notCompiled = error.message
  }
  const metadata = { ...definition.metadata, notCompiled }
  return written(key, { ...definition, enabled: false, metadata }, exporting, bucketing)
}

const written = (
  key: string,
  definition: Definition,
  { ruleOf, definitionOf }: Exporting,
  bucketing: Bucketing
): string => {
  let left = SENT
  const otherOf = (its: Definition, variants: Other["variants"]): Other => {
    const { enabled, defaultVariant, targeting, evaluators, prerequisites } = its
    const base = {
      state: enabled ? ("ENABLED" as const) : ("DISABLED" as const),
      variants,
      ...(defaultVariant === undefined ? {} : { defaultVariant })
    }
    if (!enabled || targeting === undefined) return base
    const { rule } = resolved(targeting, (name) => evaluators.get(name) ?? ruleOf(name))
    if (rule === undefined) throw new Unsendable("it names what is not there")
    const list = listIn(rule)
    if (list !== undefined) throw new Unsendable(`the ids of the segment ${list} stay on the server`)
    if ((left -= charactersOf(rule)) < 0) throw new Unsendable(TOO_LARGE)
    return { ...base, targeting: rule, ...(prerequisites.length === 0 ? {} : { prerequisites }) }
  }
  const { variants, metadata, about } = definition
  const own = otherOf(definition, Object.fromEntries(variants))
  const others = new Map<string, Other>()
  const wanted = new Set(own.prerequisites?.map(({ flag }) => flag))
  for (const flag of wanted) {
    const its = flag === key ? undefined : definitionOf(flag)
    if (its === undefined) continue
    const other = otherOf(its, Object.fromEntries(Array.from(its.variants.keys(), (name) => [name, true])))
    others.set(flag, other)
    for (const one of other.prerequisites ?? []) wanted.add(one.flag)
  }
  return JSON.stringify({
    ...own,
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...(others.size === 0 ? {} : { others: Object.fromEntries(others) }),
    ...(about.purpose === "experiment" ? { purpose: about.purpose } : {}),
    ...(bucketing === "v2" ? {} : { bucketing })
  } satisfies Sent)
}

/** Of a rule as JSON, at least. */
const charactersOf = (rule: Json): number => {
  if (typeof rule === "string") return rule.length + 2
  if (typeof rule !== "object" || rule === null) return 2
  let size = 2
  for (const [name, one] of Object.entries(rule)) size += name.length + charactersOf(one as Json)
  return size
}

const isNeed = (said: unknown): said is Prerequisite =>
  isMembers(said) && typeof said["flag"] === "string" && typeof said["variant"] === "string"

/** Why a rule can't be evaluated here; undefined when it can. FK2 */
const problemOf = (rule: Json): string | undefined => {
  const left: Array<Json> = [rule]
  for (let one = left.pop(); one !== undefined; one = left.pop()) {
    if (Array.isArray(one)) for (const item of one as ReadonlyArray<Json>) left.push(item)
    else if (isMembers(one)) {
      const [name, given] = operation(one) ?? []
      if (name === undefined) return "an object in its rule is no operator"
      if (!operators.has(name)) return `its rule has the operator ${excerpt(name)}, which this version does not know`
      left.push((given ?? null) as Json)
    }
  }
  return undefined
}

/** The flag that a text is of, as `JSON.parse` read it; or why it can't be evaluated. It says nothing of the values in it. FK2 */
export const received = (key: string, said: unknown, now: () => number): Flag | string => {
  if (!isMembers(said)) return "it is no object"
  const { others = {}, bucketing = "v2" } = said
  if (bucketing !== "v2" && bucketing !== "v3") return "it has a bucketing that this version does not know"
  if (!isMembers(others)) return "the flags that it needs are no object"
  const flags = new Map<string, Flag>()
  const how: HowToEvaluate = { bucketing, ruleOf: () => undefined, flagOf: (name) => flags.get(name), now }
  for (const [name, one] of Object.entries(others)) {
    const read = definitionOf(one)
    if (typeof read === "string") return `of ${excerpt(name)}, which it needs, ${read}`
    flags.set(name, new Flag(name, read, how))
  }
  const read = definitionOf(said)
  return typeof read === "string" ? read : new Flag(key, read, how)
}

const definitionOf = (said: Json): Definition | string => {
  if (!isMembers(said)) return "it is no object"
  const { state, variants, defaultVariant, targeting, metadata = {}, prerequisites = [] } = said
  if (state !== "ENABLED" && state !== "DISABLED") return "its state is neither ENABLED nor DISABLED"
  if (!isMembers(variants)) return "it has no variants"
  const [first] = Object.values(variants)
  const type: FlagType | undefined = first === undefined ? undefined : typeOf(first)
  if (type === undefined || Object.values(variants).some((value) => typeOf(value) !== type))
    return "its variants are not of one type"
  if (defaultVariant !== undefined && !(typeof defaultVariant === "string" && Object.hasOwn(variants, defaultVariant)))
    return "its default is none of its variants"
  if (!isMembers(metadata)) return "its metadata is no object"
  if (!Array.isArray(prerequisites) || !prerequisites.every(isNeed)) return "its prerequisites are no list of them"
  const problem = targeting === undefined ? undefined : problemOf(targeting)
  if (problem !== undefined) return problem
  return {
    enabled: state === "ENABLED",
    type,
    variants: new Map(Object.entries(variants)),
    defaultVariant: defaultVariant as string | undefined,
    targeting,
    evaluators: new Map(),
    metadata: metadata as Metadata,
    prerequisites,
    about: {}
  }
}
