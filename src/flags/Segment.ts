/**
 * A segment: a rule that an environment has under a name, for all its flags: `{"$ref": "beta"}`. Pure.
 *
 *   GM1  What is accepted can be evaluated: it says who is in it by a rule, by targeting keys, or by both.
 *   GM2  What a segment names is a segment, whatever rules of its own a flag has that uses it.
 */
import { Result, type Schema } from "effect"
import { type About, type Problem, pointed, USES } from "../evaluation/Definition.ts"
import { isMembers } from "../evaluation/Json.ts"
import { ANY, readAbout, readMembers, sayInto } from "../evaluation/ReadDefinition.ts"
import { namesIn } from "../evaluation/References.ts"
import { checkRule } from "../evaluation/Rule.ts"
import { byProblem, namedIn, USERS } from "../evaluation/Simple.ts"
import type { Kind } from "../propagation/Kind.ts"
import { nearby } from "../text/Nearest.ts"
import { IDS, INLINE } from "./IdList.ts"
import { type Stored, type StoredWish, storedKind } from "./Stored.ts"

/** Segments of one environment. */
export const SEGMENTS = 1_000
/** Bytes of the definitions of one environment's segments. */
export const SEGMENTS_BYTES = 16_777_216

export type Segment = Stored<"segment">
export type SegmentWish = StoredWish<Segment>
export const segmentKind: Kind<Segment> = storedKind("segment")

export interface SegmentDefinition {
  /** As it stands for whoever names it, with `$ref` in it. */
  readonly rule: Schema.Json
  /** What it says as its rule; undefined: it names people alone. */
  readonly asked: Schema.Json | undefined
  /** A list of ids that is kept beside it: who is in that is in the segment, too. */
  readonly list: { readonly digest: string; readonly count: number } | undefined
  /** The attribute by which people, or what else is named, are known. */
  readonly by: string
  /** Segments that it names, in their order. */
  readonly uses: ReadonlyArray<string>
  readonly about: Pick<About, "description" | "owner" | "tags">
}

const MEMBERS = ["rule", "targetUsers", "ids", "by", "description", "owner", "tags", "$comment"]

export const readSegment = (text: string): Result.Result<SegmentDefinition, ReadonlyArray<Problem>> =>
  Result.flatMap(readMembers(text), (json) => {
    const problems: Array<Problem> = []
    const say = sayInto(problems)
    for (const name of Object.keys(json)) {
      if (MEMBERS.includes(name)) continue
      const [near] = nearby(name, MEMBERS)
      say(pointed("", name), `is not known${near === undefined ? "" : `; is ${near} meant?`}`)
    }
    const { rule, targetUsers = [], by } = json
    const wrong = byProblem(by)
    if (wrong !== undefined) say("/by", wrong)
    if (rule !== undefined && !isMembers(rule)) say("/rule", "has to be an object: an operator and what it is given")
    else if (rule !== undefined) checkRule(rule, "/rule", { variants: undefined, names: ANY, leaf: false }, say)
    const named = Array.isArray(targetUsers) && targetUsers.every((user) => typeof user === "string" && user !== "")
    if (!named) say("/targetUsers", "has to be a list of texts: targeting keys")
    else if (targetUsers.length > USERS) say("/targetUsers", `has ${targetUsers.length}; ${USERS} are the most`)
    const { keys, list } = readIds(json["ids"], say)
    if (["rule", "targetUsers", "ids"].every((name) => json[name] === undefined))
      say("", "has neither a rule nor targetUsers nor ids")
    const uses = namesIn(rule ?? null, () => true)
    if (uses.length > USES) say("/rule", `names ${uses.length} segments; ${USES} are the most`)
    const about = readAbout(json, say)
    if (problems.length > 0) return Result.fail(problems)
    const everybody = [...(targetUsers as ReadonlyArray<string>), ...keys]
    const anyOf = [...namedIn(everybody, by as string | undefined), ...(rule === undefined ? [] : [rule])]
    const all: Schema.Json = anyOf.length === 0 ? false : anyOf.length === 1 ? anyOf[0]! : { or: anyOf }
    return Result.succeed({
      rule: all,
      asked: rule,
      list,
      by: (by as string | undefined) ?? "targetingKey",
      uses,
      about
    })
  })

const DIGEST = /^[0-9a-f]{64}$/

/** `{"count", "digest"}`, with the ids as `keys` where they are few. It is what `herald segment ids` writes. */
const readIds = (
  given: Schema.Json | undefined,
  say: (at: string, problem: string) => undefined
): { readonly keys: ReadonlyArray<string>; readonly list: SegmentDefinition["list"] } => {
  const none = { keys: [], list: undefined }
  if (given === undefined) return none
  const { count, digest, keys, ...more } = isMembers(given) ? given : {}
  const named = Array.isArray(keys) && keys.every((key) => typeof key === "string" && key !== "")
  const whole =
    Number.isInteger(count) && (count as number) >= 0 && (count as number) <= IDS && Object.keys(more).length === 0
  const right =
    keys === undefined
      ? typeof digest === "string" && DIGEST.test(digest)
      : named && keys.length === count && keys.length <= INLINE && digest === undefined
  if (!whole || !right)
    return say("/ids", "is what herald segment ids writes: a count with a digest, or with keys") ?? none
  return keys === undefined
    ? { keys: [], list: { digest: digest as string, count: count as number } }
    : { keys: keys as ReadonlyArray<string>, list: undefined }
}
