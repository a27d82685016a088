/**
 * Reads the text of a definition: flagd's form (`state`, `variants`, `defaultVariant`, `targeting`, `metadata`), or the simple one
 * (`enabled`, `percentage`, `targetUsers`). Pure.
 *
 *   FG1, FG2, FG3 in Definition.ts
 */

import { Result } from "effect"
import { isKey } from "../keys/Key.ts"
import { excerpt } from "../text/Excerpt.ts"
import { nearby } from "../text/Nearest.ts"
import { read } from "../values/Value.ts"
import {
  type About,
  type Definition,
  FLAG_NAME,
  type FlagType,
  LARGEST,
  METADATA,
  type Metadata,
  PREREQUISITES,
  PROBLEMS,
  type Prerequisite,
  type Problem,
  PURPOSES,
  pointed,
  STATES,
  typeOf,
  USES,
  VARIANT_NAME,
  VARIANTS
} from "./Definition.ts"
import { isMembers, type Json, type Members } from "./Json.ts"
import { namesIn } from "./References.ts"
import { checkRule } from "./Rule.ts"
import { fromSimple, isSimple, SIMPLE } from "./Simple.ts"

const ABOUT = ["description", "owner", "tags", "purpose", "expectedEnd"]
const MEMBERS = [
  "state",
  "variants",
  "defaultVariant",
  "targeting",
  "metadata",
  "$evaluators",
  "prerequisites",
  "$schema",
  "$comment",
  ...ABOUT
]

/** Nothing of a text is of use to others when this is there, so it comes alone. */
const alone = (at: string, problem: string): Result.Result<never, ReadonlyArray<Problem>> =>
  Result.fail([{ at, problem }])

/** Names of rules that the environment has for all its flags; `ANY`: whether they are there is asked where they are stored (FN4). */
export type Known = ReadonlySet<string> | typeof ANY
export const ANY = "any"

export const readDefinition = (
  text: string,
  known: Known = new Set()
): Result.Result<Definition, ReadonlyArray<Problem>> =>
  Result.flatMap(readMembers(text), (json) => decodeDefinition(json, known))

/** The members of a definition. FG3 */
export const readMembers = (text: string): Result.Result<Members, ReadonlyArray<Problem>> => {
  const found = read("json", text)
  if (Result.isFailure(found)) return alone("", `can't be read: ${found.failure}`)
  const { json, inexact } = found.success
  const [place] = inexact ?? []
  if (place !== undefined) return alone(place[0], `is ${place[1].slice(0, 40)}, which not every language holds exactly`)
  return isMembers(json) ? Result.succeed(json) : alone("", "is no object")
}

/** Gathers problems, up to `PROBLEMS`. FG2 */
export const sayInto =
  (problems: Array<Problem>): Say =>
  (at, problem) => {
    if (problems.length < PROBLEMS) problems.push({ at, problem })
    return undefined
  }

/** Of JSON that `readDefinition`, or what read a whole document, has looked at. */
export const decodeDefinition = (
  json: Json,
  known: Known = new Set()
): Result.Result<Definition, ReadonlyArray<Problem>> => {
  if (!isMembers(json)) return alone("", "is no object")
  const problems: Array<Problem> = []
  const say = sayInto(problems)
  const simple = isSimple(json)
  for (const name of Object.keys(json)) {
    const names = simple ? [...SIMPLE, ...ABOUT, "metadata", "prerequisites", "$comment"] : MEMBERS
    if (names.includes(name)) continue
    const [near] = nearby(name, names)
    const both =
      simple && MEMBERS.includes(name)
        ? "; it is of flagd's form, which enabled, percentage and targetUsers are not"
        : ""
    say(pointed("", name), `is not known${both === "" && near !== undefined ? `; is ${near} meant?` : both}`)
  }
  const said = simple ? fromSimple(json, say) : json

  const state = said["state"]
  if (!STATES.includes(state as never)) say("/state", `is ${shown(state)} and has to be ENABLED or DISABLED`)
  const [variants, type] = readVariants(said["variants"], say)
  const defaultVariant = readDefault(said["defaultVariant"], variants, say)
  const evaluators = readEvaluators(said["$evaluators"], say)
  const targeting = readTargeting(said["targeting"], say)
  const names = known === ANY ? ANY : new Set([...evaluators.keys(), ...known])
  if (targeting !== undefined) checkRule(targeting, "/targeting", { variants, names, leaf: true }, say)
  for (const [name, rule] of evaluators) {
    checkRule(rule, pointed("/$evaluators", name), { variants: undefined, names, leaf: false }, say)
  }
  const metadata = readMetadata(said["metadata"], say)
  const prerequisites = readPrerequisites(said["prerequisites"], say)
  if (prerequisites.length > 0 && targeting === undefined && problems.length === 0) {
    say("/prerequisites", "change nothing: without targeting the default variant is served either way")
  }
  const about = readAbout(said, say)
  const uses = usesOf({ targeting, evaluators })
  if (uses.length > USES) say("/targeting", `names ${uses.length} segments; ${USES} are the most`)
  if (problems.length > 0 || type === undefined) return Result.fail(problems) // FG2
  return Result.succeed({
    enabled: state === "ENABLED",
    type,
    variants,
    defaultVariant,
    targeting,
    evaluators,
    metadata,
    prerequisites,
    about
  })
}

/** Segments that a flag's rules name, in their order. */
export const usesOf = ({
  targeting,
  evaluators
}: Pick<Definition, "targeting" | "evaluators">): ReadonlyArray<string> =>
  namesIn([targeting ?? null, ...evaluators.values()], (name) => !evaluators.has(name))

export type Say = (at: string, problem: string) => undefined

const shown = (value: unknown): string =>
  value === undefined ? "missing" : excerpt(typeof value === "string" ? value : JSON.stringify(value))

const readVariants = (
  given: Json | undefined,
  say: Say
): readonly [ReadonlyMap<string, Json>, FlagType | undefined] => {
  const variants = new Map<string, Json>()
  if (!isMembers(given)) return [variants, say("/variants", `is ${shown(given)} and has to be an object of variants`)]
  const entries = Object.entries(given)
  if (entries.length === 0) return [variants, say("/variants", "has none")]
  if (entries.length > VARIANTS)
    return [variants, say("/variants", `has ${entries.length} variants; ${VARIANTS} are the most`)]
  let type: FlagType | undefined
  for (const [name, value] of entries) {
    const at = pointed("/variants", name)
    if (name === "" || name.length > VARIANT_NAME)
      say(at, `has a name of ${name.length} characters; it has 1 to ${VARIANT_NAME}`)
    const its = typeOf(value)
    if (its === undefined)
      say(at, `is ${value === null ? "null" : "a list"}: a variant is a boolean, a text, a number or an object`)
    else if (type !== undefined && its !== type)
      say(at, `is of type ${its}, and the variants before it are of type ${type}`)
    else if (its === "number" && Number.isInteger(value) && Math.abs(value as number) > LARGEST) {
      say(at, `is beyond ±${LARGEST}, which not every language holds exactly`)
    }
    type ??= its
    variants.set(name, value)
  }
  return [variants, type]
}

const readDefault = (given: Json | undefined, variants: ReadonlyMap<string, Json>, say: Say): string | undefined => {
  if (given === undefined || given === null || given === "") return undefined
  if (typeof given !== "string")
    return say("/defaultVariant", `is ${shown(given)} and has to be a variant's name, or null`)
  if (variants.has(given)) return given
  return say("/defaultVariant", `is ${excerpt(given)}, which is no variant${meant(given, variants.keys())}`)
}

const meant = (name: string, names: Iterable<string>): string => {
  const [near] = nearby(name, names)
  return near === undefined ? "" : `; is ${near} meant?`
}

/** flagd's files have `{}` for none. */
const readTargeting = (given: Json | undefined, say: Say): Json | undefined => {
  if (given === undefined || given === null) return undefined
  if (!isMembers(given))
    return say("/targeting", `is ${shown(given)} and has to be an object: an operator and what it is given`)
  return Object.keys(given).length === 0 ? undefined : given
}

const readEvaluators = (given: Json | undefined, say: Say): ReadonlyMap<string, Json> => {
  if (given === undefined) return new Map()
  if (!isMembers(given)) return say("/$evaluators", "has to be an object of rules") ?? new Map()
  return new Map(Object.entries(given))
}

const readMetadata = (given: Json | undefined, say: Say): Metadata => {
  if (given === undefined) return {}
  if (!isMembers(given)) return say("/metadata", "has to be an object") ?? {}
  const entries = Object.entries(given)
  if (entries.length > METADATA) say("/metadata", `has ${entries.length} members; ${METADATA} are the most`)
  for (const [name, value] of entries) {
    if (!["string", "number", "boolean"].includes(typeof value))
      say(pointed("/metadata", name), "has to be a text, a number or a boolean")
  }
  return given as Metadata
}

const readPrerequisites = (given: Json | undefined, say: Say): ReadonlyArray<Prerequisite> => {
  if (given === undefined) return []
  if (!Array.isArray(given)) return say("/prerequisites", "has to be a list of {flag, variant}") ?? []
  if (given.length > PREREQUISITES)
    return say("/prerequisites", `has ${given.length}; ${PREREQUISITES} are the most`) ?? []
  return given.flatMap((one: Json, index): ReadonlyArray<Prerequisite> => {
    const at = pointed("/prerequisites", index)
    const { flag, variant, ...more } = isMembers(one) ? one : {}
    if (typeof flag !== "string" || typeof variant !== "string" || Object.keys(more).length > 0) {
      return say(at, 'has to be {"flag": name, "variant": name}') ?? []
    }
    if (!isKey(flag) || flag.length > FLAG_NAME)
      return say(`${at}/flag`, `is ${excerpt(flag)}, which no flag is called`) ?? []
    return [{ flag, variant }]
  })
}

export const readAbout = (given: Members, say: Say): About => {
  const text = (name: string, most: number): string | undefined => {
    const value = given[name]
    if (value === undefined) return undefined
    if (typeof value === "string" && value.length <= most) return value
    return say(`/${name}`, `has to be a text of at most ${most} characters`)
  }
  const [description, owner] = [text("description", 1_000), text("owner", 100)]
  const { tags, purpose, expectedEnd } = given
  const tagged =
    Array.isArray(tags) && tags.length <= 20 && tags.every((tag) => typeof tag === "string" && tag.length <= 50)
  if (tags !== undefined && !tagged) say("/tags", "has to be a list of at most 20 texts of at most 50 characters")
  if (purpose !== undefined && !PURPOSES.includes(purpose as never)) {
    say(
      "/purpose",
      `is ${shown(purpose)} and has to be one of ${PURPOSES.join(", ")}${typeof purpose === "string" ? meant(purpose, PURPOSES) : ""}`
    )
  }
  const day = typeof expectedEnd === "string" && /^\d{4}-\d\d-\d\d$/.test(expectedEnd) && isDay(expectedEnd)
  if (expectedEnd !== undefined && !day) say("/expectedEnd", `is ${shown(expectedEnd)} and has to be a day: YYYY-MM-DD`)
  return {
    ...(description === undefined ? {} : { description }),
    ...(owner === undefined ? {} : { owner }),
    ...(tagged ? { tags: tags as ReadonlyArray<string> } : {}),
    ...(purpose === undefined ? {} : { purpose: purpose as (typeof PURPOSES)[number] }),
    ...(day ? { expectedEnd: expectedEnd as string } : {})
  }
}

const isDay = (text: string): boolean => {
  const at = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text)
}
