/**
 * Reads JSON that carries values, such as the body of a publish or a release file, and cuts the values out as they stand. Pure.
 *
 *   CV1  A value that is a JSON string is the string's text; any other value is its own text, byte for byte.
 *   CV2  Nothing is lost silently: a name given twice is refused anywhere, around the values a number that JavaScript does not hold.
 *   CV3  A name that touches prototypes, or nesting that is too deep, is refused anywhere.
 *   CV4  A value is checked where it is parsed, once: what else is wrong with it goes with it, to be told by who knows whose value it is.
 *   CV5  A list that carries values has at most `ENTRIES`, which are counted before anything is made of them.
 */
import { Result } from "effect"
import { excerpt } from "../text/Excerpt.ts"
import { type Member, membersAt, membersOf, numberAt, survey, twiceIn } from "./Json.ts"
import { whyNotJson } from "./NotJson.ts"
import { DEPTH, look } from "./Structure.ts"
import { inspect, isNumber, notNumber, textProblem } from "./Value.ts"
import type { ValueType } from "./ValueType.ts"

/** A value as it was written. `type` follows from the kind of JSON that it is. */
export class Written {
  readonly text: string
  readonly type: ValueType
  /** Why it can't be a value of `type` (V1, V2); undefined: it can. CV4 */
  readonly problem: string | undefined
  constructor(text: string, type: ValueType, problem: string | undefined) {
    this.text = text
    this.type = type
    this.problem = problem
  }
}

/**
 * Where a document has its values: nowhere, in its own member `value`, or in those of the elements of `changes`, of `flags` and of `segments`, or of
 * `events`.
 */
export type Carries = "nothing" | "value" | "changes" | "events"

/** The parsed document, with `Written` or null in the place of each value. */
export const readCarrier = (text: string, carries: Carries): Result.Result<unknown, string> => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return Result.fail(`it is not JSON: ${whyNotJson(text)}`)
  }
  const long = carries === "nothing" || carries === "value" ? undefined : longList(json, carries)
  if (long !== undefined) return Result.fail(long)
  const cut = carries === "nothing" ? [] : cutOut(text, json, carries)
  const { problem, members: before } = look(json, { depth: DEPTH + AROUND, content: false })
  if (problem !== undefined) return Result.fail(problem) // CV3
  let members = before
  for (const { place, holder, value } of cut) {
    const found = writtenOf(text.slice(place.from, place.to), value)
    if (found.refusal !== undefined) return Result.fail(found.refusal)
    members += found.members
    holder["value"] = found.written
  }
  let written = 0
  let from = 0
  const end = { from: text.length, to: text.length, members: 0 }
  for (const place of [...cut.map((one) => one.place), end]) {
    const around = survey(text, from, place.from)
    if (around.inexact !== -1) {
      const number = numberAt(text, around.inexact).slice(0, 40)
      return Result.fail(`the number ${number} in it has more digits than JSON numbers keep, or is too large`)
    }
    written += around.members + place.members
    from = place.to
  }
  return written === members
    ? Result.succeed(json)
    : Result.fail(`the name ${excerpt(twiceIn(text) ?? "")} appears twice in one object of it`)
}

interface Cut {
  readonly place: Member
  /** Whose member `value` it is. */
  readonly holder: Record<string, unknown>
  /** As it was parsed. */
  readonly value: unknown
}

/** Members of a release, and of a batch. */
const LISTS = { changes: ["changes", "flags", "segments"], events: ["events"] }

/** Entries of a list that carries values: no route takes more. */
export const ENTRIES = 10_000

/** Before anything else is made of it: what is refused anyway costs no more than to be parsed. CV5 */
const longList = (json: unknown, carries: keyof typeof LISTS): string | undefined => {
  if (!isObject(json)) return undefined
  for (const name of LISTS[carries]) {
    const list = json[name]
    if (Array.isArray(list) && list.length > ENTRIES)
      return `${name} has ${list.length} entries, at most ${ENTRIES} are allowed`
  }
  return undefined
}

/** Takes the values out of `json` in the order of the text, and leaves null in their places. */
const cutOut = (text: string, json: unknown, carries: Carries): ReadonlyArray<Cut> => {
  const cut: Array<Cut> = []
  const take = (at: number, holder: unknown): void => {
    if (!isObject(holder)) return
    for (const place of membersAt(text, at)) {
      if (place.name !== "value") continue
      // Of a `value` given twice only the last was parsed; the count of members refuses it later.
      cut.push({ place, holder, value: holder["value"] })
      holder["value"] = null
    }
  }
  if (!isObject(json)) return cut
  if (carries === "value") take(0, json)
  else if (carries !== "nothing") {
    for (const member of membersAt(text)) {
      const changes = LISTS[carries].includes(member.name) ? json[member.name] : undefined
      if (!Array.isArray(changes) || text[member.from] !== "[") continue
      for (const [index, change] of membersAt(text, member.from).entries()) take(change.from, changes[index])
    }
  }
  return cut
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Levels of a request around a value or a schema. */
const AROUND = 4

interface Found {
  /** null stays null: no value. */
  readonly written: Written | null
  readonly members: number
  /** CV3 */
  readonly refusal: string | undefined
}

/** CV1, CV4 */
const writtenOf = (source: string, value: unknown): Found => {
  switch (source[0]) {
    case "{":
    case "[": {
      const { problem, harmful, members } = inspect(value, source)
      return {
        written: new Written(source, "json", problem),
        members: problem === undefined ? members : membersOf(value),
        refusal: harmful ? problem : undefined
      }
    }
    case "n":
      return scalar(null)
    case '"':
      return scalar(new Written(value as string, "string", textProblem(value as string)))
    case "t":
    case "f":
      return scalar(new Written(source, "boolean", undefined))
    default:
      return scalar(new Written(source, "number", isNumber(source) ? undefined : notNumber(source)))
  }
}

const scalar = (written: Written | null): Found => ({ written, members: 0, refusal: undefined })
