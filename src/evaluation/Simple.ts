/**
 * The simple form of a flag, which most people want: on or off, for a percentage of people, and for those who are named. Pure.
 *
 *   FG4  Who is on at some percentage is on at every larger one.
 */
import { type Problem, USES } from "./Definition.ts"
import type { Json, Members } from "./Json.ts"
import { harmfulPart, REF } from "./Operators.ts"

export const SIMPLE = ["enabled", "percentage", "targetUsers", "segments", "by"]
/** Names of users in a simple form. More belong into a list of ids. */
export const USERS = 1_000

export const isSimple = (json: Members): boolean => SIMPLE.some((name) => Object.hasOwn(json, name))

/** As flagd's form: variants `on` and `off`. */
export const fromSimple = (json: Members, say: (at: string, problem: string) => undefined): Members => {
  const { enabled = true, percentage = 100, targetUsers = [], segments = [], by, ...about } = json
  if (typeof enabled !== "boolean") say("/enabled", "has to be true or false")
  const share =
    typeof percentage === "number" && percentage >= 0 && percentage <= 100 && Number.isInteger(percentage * 1_000)
  if (!share) say("/percentage", "has to be a number from 0 to 100, with at most three digits behind the point")
  const named = Array.isArray(targetUsers) && targetUsers.every((user) => typeof user === "string" && user !== "")
  if (!named) say("/targetUsers", "has to be a list of texts: targeting keys")
  else if (targetUsers.length > USERS) say("/targetUsers", `has ${targetUsers.length}; ${USERS} are the most`)
  const within = Array.isArray(segments) && segments.every((name) => typeof name === "string" && name !== "")
  if (!within) say("/segments", "has to be a list of texts: names of segments")
  else if (percentage === 100 && segments.length > USES)
    say("/segments", `names ${segments.length} segments; ${USES} are the most`)
  const wrong = byProblem(by)
  if (wrong !== undefined) say("/by", wrong)
  // Where others decide whether it is on at all, its default is off.
  const conditional = Array.isArray(json["prerequisites"]) && json["prerequisites"].length > 0
  return {
    ...about,
    state: enabled === false ? "DISABLED" : "ENABLED",
    variants: { on: true, off: false },
    defaultVariant: percentage === 100 && !conditional ? "on" : "off",
    ...(share && named && within && wrong === undefined
      ? targetingOf(
          percentage,
          [
            ...namedIn(targetUsers as ReadonlyArray<string>, by as string | undefined),
            ...segments.map((name) => ({ [REF]: name }))
          ],
          conditional,
          by as string | undefined
        )
      : {})
  }
}

/** Characters of the name of an attribute. */
const NAME = 100

/** What is wrong with a name of who is meant, such as `org.key`; undefined: nothing. */
export const byProblem = (by: Json | undefined): string | undefined => {
  if (by === undefined) return undefined
  if (typeof by !== "string" || by === "" || by.length > NAME || by.split(".").includes("") || by.startsWith("$"))
    return `has to be the name of an attribute, of at most ${NAME} characters, such as org.key`
  const harm = harmfulPart(by)
  return harm === undefined ? undefined : `reads ${harm}, which is not allowed`
}

/** Whether somebody is one of these, by that attribute. None: no condition. */
export const namedIn = (users: ReadonlyArray<string>, by = "targetingKey"): ReadonlyArray<Members> =>
  users.length === 0 ? [] : [{ in: [{ var: by }, [...users]] }]

/** None where everyone gets the same: clients may keep that. FG4: `on` stands first. */
const targetingOf = (
  percentage: number,
  anyOf: ReadonlyArray<Members>,
  conditional: boolean,
  by: string | undefined
): Members => {
  const scale = Number.isInteger(percentage) ? 1 : 1_000
  const on = Math.round(percentage * scale)
  const buckets: ReadonlyArray<Json> = [
    ["on", on],
    ["off", 100 * scale - on]
  ]
  const others: Json =
    percentage === 0
      ? "off"
      : by === undefined
        ? { fractional: buckets }
        : // Whoever has none of it is off, and not all of them in one bucket.
          {
            if: [{ var: by }, { fractional: [{ cat: [{ var: "$flagd.flagKey" }, { var: by }] }, ...buckets] }, "off"]
          }
  if (percentage === 100) return conditional ? { targeting: { if: [true, "on"] } } : {}
  const [only, ...more] = anyOf
  if (only !== undefined) return { targeting: { if: [more.length === 0 ? only : { or: anyOf }, "on", others] } }
  return percentage === 0 ? {} : { targeting: others }
}

/**
 * What the rule of a simple form leaves out while it is on for everyone: segments, which a smaller percentage asks for again, and a note where
 * somebody may have meant those who are named alone. FN4
 */
export const idleIn = (
  definition: string
): { readonly segments: ReadonlyArray<string>; readonly notes: ReadonlyArray<Problem> } => {
  const json = JSON.parse(definition) as Members
  if (!isSimple(json) || (json["percentage"] ?? 100) !== 100) return { segments: [], notes: [] }
  const named = json["percentage"] === undefined ? ["targetUsers", "segments"] : []
  return {
    segments: (json["segments"] ?? []) as ReadonlyArray<string>,
    notes: named
      .filter((name) => ((json[name] ?? []) as ReadonlyArray<string>).length > 0)
      .map((name) => ({
        at: `/${name}`,
        problem: "has no say: without a percentage it is on for everyone; 0 is for those alone who are named"
      }))
  }
}

/** What of a definition stands in columns of its own: null where it has a rule of its own. */
export const simpleOf = (
  definition: string
): { readonly percentage: number | null; readonly targetUsers: ReadonlyArray<string> | null } => {
  const json = JSON.parse(definition) as Members
  if (!isSimple(json)) return { percentage: null, targetUsers: null }
  const { percentage = 100, targetUsers = [] } = json
  return { percentage: percentage as number, targetUsers: targetUsers as ReadonlyArray<string> }
}
