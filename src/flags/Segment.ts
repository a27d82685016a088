/**
 * A segment: a rule that an environment has under a name, for all its flags: `{"$ref": "beta"}`. Pure.
 *
 *   GM1  What is accepted can be evaluated: it says who is in it by a rule, by targeting keys, or by both.
 *   GM2  What a segment names is a segment, whatever rules of its own a flag has that uses it.
 */
import { Result, type Schema } from "effect"
import type { Kind } from "../propagation/Kind.ts"
import { nearby } from "../text/Nearest.ts"
import { type About, type Problem, pointed, USES } from "./Definition.ts"
import { ANY, isMembers, readAbout, readMembers, sayInto } from "./ReadDefinition.ts"
import { namesIn } from "./References.ts"
import { checkRule } from "./Rule.ts"
import { namedIn, USERS } from "./Simple.ts"
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
  /** Segments that it names, in their order. */
  readonly uses: ReadonlyArray<string>
  readonly about: Pick<About, "description" | "owner" | "tags">
}

const MEMBERS = ["rule", "targetUsers", "description", "owner", "tags", "$comment"]

export const readSegment = (text: string): Result.Result<SegmentDefinition, ReadonlyArray<Problem>> =>
  Result.flatMap(readMembers(text), (json) => {
    const problems: Array<Problem> = []
    const say = sayInto(problems)
    for (const name of Object.keys(json)) {
      if (MEMBERS.includes(name)) continue
      const [near] = nearby(name, MEMBERS)
      say(pointed("", name), `is not known${near === undefined ? "" : `; is ${near} meant?`}`)
    }
    const { rule, targetUsers = [] } = json
    if (rule !== undefined && !isMembers(rule)) say("/rule", "has to be an object: an operator and what it is given")
    else if (rule !== undefined) checkRule(rule, "/rule", { variants: undefined, names: ANY, leaf: false }, say)
    const named = Array.isArray(targetUsers) && targetUsers.every((user) => typeof user === "string" && user !== "")
    if (!named) say("/targetUsers", "has to be a list of texts: targeting keys")
    else if (targetUsers.length > USERS) say("/targetUsers", `has ${targetUsers.length}; ${USERS} are the most`)
    if (rule === undefined && json["targetUsers"] === undefined) say("", "has neither a rule nor targetUsers")
    const uses = namesIn(rule ?? null, () => true)
    if (uses.length > USES) say("/rule", `names ${uses.length} segments; ${USES} are the most`)
    const about = readAbout(json, say)
    if (problems.length > 0) return Result.fail(problems)
    const anyOf = [...namedIn(targetUsers as ReadonlyArray<string>), ...(rule === undefined ? [] : [rule])]
    const all: Schema.Json = anyOf.length === 0 ? false : anyOf.length === 1 ? anyOf[0]! : { or: anyOf }
    return Result.succeed({ rule: all, asked: rule, uses, about })
  })
