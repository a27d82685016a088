/**
 * What a flag's definition is so that it splits people for an experiment, as every engine of flagd evaluates it. Pure.
 *
 *   XE5  Who takes part, and with which variant, hangs on the targeting key alone: whoever was given a variant keeps it, in every SDK.
 *   XE6  Whoever does not take part is served a variant that is none of those that are compared, with the value of the default: it is nobody's
 *        exposure.
 *   XE7  Who takes part in a layer, and which variant they get, hang on two hashes, so that what one experiment does is spread evenly over the
 *        variants of those that follow it.
 */
import type { Json, Members } from "../evaluation/Json.ts"
import { argumentsOf } from "../evaluation/Operators.ts"
import { isSimple } from "../evaluation/Simple.ts"
import { widthOf } from "./Allocation.ts"
import { type Arm, BUCKETS, type Range } from "./Experiment.ts"

/** The variant of who does not take part. XE6 */
export const OUTSIDE = "outside"
const KEY = { var: "targetingKey" }

export interface Splitting {
  readonly arms: ReadonlyArray<Arm>
  /** What variants are drawn with: nobody else's. XE7 */
  readonly salt: string
  /** "": none. */
  readonly layer: string
  readonly buckets: ReadonlyArray<Range>
  /** A rule that is true for who may take part; undefined: all. */
  readonly where: Json | undefined
}

const ABOUT = ["description", "owner", "tags", "expectedEnd", "metadata", "prerequisites", "$comment"]
const aboutOf = (json: Members): Members =>
  Object.fromEntries(ABOUT.flatMap((name) => (json[name] === undefined ? [] : [[name, json[name]]])))

interface Form {
  readonly variants: Members
  readonly defaultVariant: string | null
  readonly enabled: boolean
}

/** What a definition serves, whatever form it has. */
export const formOf = (json: Members): Form => {
  if (isSimple(json))
    return { variants: { on: true, off: false }, defaultVariant: "off", enabled: json["enabled"] !== false }
  const { variants, defaultVariant = null, state } = json
  return {
    variants: variants as Members,
    defaultVariant: defaultVariant as string | null,
    enabled: state !== "DISABLED"
  }
}

/** Drawn by a text of its own and the targeting key. XE5 */
const drawn = (salt: string, weights: ReadonlyArray<Json>): Json => ({ fractional: [{ cat: [salt, KEY] }, ...weights] })

/** In one of these buckets. */
const within = (salt: string, buckets: ReadonlyArray<Range>): Json => {
  const weights: Array<Json> = []
  let at = 0
  for (const [from, width] of buckets) {
    if (from > at) weights.push(["out", from - at])
    weights.push(["in", width])
    at = from + width
  }
  if (at < BUCKETS) weights.push(["out", BUCKETS - at])
  return { "==": [drawn(salt, weights), "in"] }
}

/** XE5, XE6 */
export const split = (json: Members, { arms, salt, layer, buckets, where }: Splitting): Members => {
  const { variants, defaultVariant } = formOf(json)
  const { [OUTSIDE]: _, ...own } = variants
  const base = defaultVariant === OUTSIDE ? arms[0]!.variant : defaultVariant
  const of = layer === "" ? `all.${salt}` : `layer.${layer}:` // XE7
  const all = widthOf(buckets) === BUCKETS
  const conditions = [KEY, ...(where === undefined ? [] : [where]), ...(all ? [] : [within(of, buckets)])]
  return {
    ...aboutOf(json),
    purpose: "experiment",
    state: "ENABLED",
    variants: base === null ? own : { ...own, [OUTSIDE]: own[base]! },
    defaultVariant: base,
    targeting: {
      if: [
        conditions.length === 1 ? KEY : { and: conditions },
        drawn(
          salt,
          arms.map(({ variant, share }) => [variant, share])
        ),
        base === null ? null : OUTSIDE
      ]
    }
  }
}

/** The variant for everyone. */
export const served = (json: Members, variant: string): Members => {
  const { [OUTSIDE]: outside, ...own } = formOf(json).variants
  const about = aboutOf(json)
  return isSimple(json)
    ? { ...about, enabled: true, percentage: variant === "on" ? 100 : 0 }
    : {
        ...about,
        state: "ENABLED",
        variants: variant === OUTSIDE && outside !== undefined ? { ...own, [OUTSIDE]: outside } : own,
        defaultVariant: variant
      }
}

export interface Found {
  readonly arms: ReadonlyArray<Arm>
  /** Whether everyone with a targeting key is put into one of the buckets, by that key. */
  readonly plain: boolean
}

/** The shares that a definition has already. Undefined: it has no buckets, or several. */
export const sharesIn = (json: Members): Found | undefined => {
  if (isSimple(json)) {
    const { percentage = 100, targetUsers = [], segments = [], by } = json
    const on = Math.round((percentage as number) * 1_000)
    if (on === 0 || on === 100_000) return undefined
    const named = (targetUsers as ReadonlyArray<Json>).length + (segments as ReadonlyArray<Json>).length
    return {
      arms: [
        { variant: "off", share: 100_000 - on },
        { variant: "on", share: on }
      ],
      plain: named === 0 && by === undefined
    }
  }
  const { targeting } = json
  const all: Array<ReadonlyArray<Json>> = []
  collect(targeting, all)
  const [only, another] = all
  if (only === undefined || another !== undefined) return undefined
  const buckets = Array.isArray(only[0]) ? only : only.slice(1)
  const shares = new Map<string, number>()
  for (const bucket of buckets) {
    const [variant, weight = 1] = bucket as ReadonlyArray<Json>
    if (typeof variant !== "string" || typeof weight !== "number") return undefined
    if (weight > 0) shares.set(variant, (shares.get(variant) ?? 0) + weight)
  }
  return {
    arms: Array.from(shares, ([variant, share]) => ({ variant, share })),
    plain: Array.isArray(only[0]) && operationOf(targeting)?.[0] === "fractional"
  }
}

const operationOf = (rule: Json | undefined): readonly [string, Json] | undefined =>
  typeof rule === "object" && rule !== null && !Array.isArray(rule)
    ? (Object.entries(rule)[0] as readonly [string, Json] | undefined)
    : undefined

/** A definition nests no deeper than a value may. */
const collect = (rule: Json | undefined, found: Array<ReadonlyArray<Json>>): void => {
  if (Array.isArray(rule)) {
    for (const one of rule) collect(one, found)
    return
  }
  const [name, given] = operationOf(rule) ?? []
  if (name === undefined) return
  if (name === "fractional") found.push(argumentsOf(given) as ReadonlyArray<Json>)
  collect(given, found)
}
