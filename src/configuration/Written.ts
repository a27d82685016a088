/**
 * JSON that carries values, such as the body of a publish or a release file: the values are cut out as they stand. Pure.
 *
 *   CV1  A value that is a JSON string is the string's text; any other value is its own text, byte for byte.
 *   CV2  Nothing is lost silently: a name given twice is refused anywhere, around the values a number that JavaScript does not hold.
 *   CV3  A name that touches prototypes, or nesting that is too deep, is refused anywhere.
 */
import { Result } from "effect"
import { limits, type ValueType } from "./Configuration.ts"
import { type Member, membersAt, numberAt, survey, twiceIn } from "./Json.ts"
import { excerpt } from "./Value.ts"

/** A value as it was written. `type` follows from the kind of JSON that it is. */
export class Written {
  readonly text: string
  readonly type: ValueType
  constructor(text: string, type: ValueType) {
    this.text = text
    this.type = type
  }
}

/** CV1. null stays null: no value. */
const writtenOf = (source: string): Written | null => {
  switch (source[0]) {
    case '"':
      return new Written(JSON.parse(source) as string, "string")
    case "{":
    case "[":
      return new Written(source, "json")
    case "n":
      return null
    case "t":
    case "f":
      return new Written(source, "boolean")
    default:
      return new Written(source, "number")
  }
}

/** Where a document has its values: nowhere, in its own member `value`, or in those of the elements of `changes`. */
export type Carries = "nothing" | "value" | "changes"

/** The parsed document, with `Written` or null in the place of each value. */
export const readCarrier = (text: string, carries: Carries): Result.Result<unknown, string> => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    return Result.fail(`it is not JSON: ${error instanceof Error ? error.message.slice(0, 200) : "unreadable"}`)
  }
  const { problem, members } = look(json)
  if (problem !== undefined) return Result.fail(problem)
  const cut = carries === "nothing" ? [] : cutOut(text, json, carries)
  let written = 0
  let from = 0
  for (const { from: start, to: end } of [...cut, { from: text.length, to: text.length }]) {
    const around = survey(text, from, start)
    if (around.inexact !== -1) {
      const number = numberAt(text, around.inexact).slice(0, 40)
      return Result.fail(`the number ${number} in it has more digits than JSON numbers keep, or is too large`)
    }
    written += around.members + survey(text, start, end).members
    from = end
  }
  return written === members
    ? Result.succeed(json)
    : Result.fail(`the name ${excerpt(twiceIn(text) ?? "")} appears twice in one object of it`)
}

/** Puts `Written` into `json`, and tells the places of the values in the text, in order. */
const cutOut = (text: string, json: unknown, carries: Carries): ReadonlyArray<Member> => {
  const places: Array<Member> = []
  const take = (at: number, object: unknown): void => {
    for (const member of membersAt(text, at)) {
      if (member.name !== "value" || !isObject(object)) continue
      places.push(member)
      object["value"] = writtenOf(text.slice(member.from, member.to))
    }
  }
  if (!isObject(json)) return places
  if (carries === "value") take(0, json)
  else {
    for (const member of membersAt(text)) {
      const changes = member.name === "changes" ? json["changes"] : undefined
      if (!Array.isArray(changes) || text[member.from] !== "[") continue
      for (const [index, change] of membersAt(text, member.from).entries()) take(change.from, changes[index])
    }
  }
  return places
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** A value, or a schema, may nest `limits.depth` deep inside of a request. */
const DEPTH = limits.depth + 4

/** CV3. `members`: of all its objects together. */
const look = (root: unknown): { readonly problem: string | undefined; readonly members: number } => {
  let members = 0
  const visit = (value: unknown, depth: number): string | undefined => {
    if (typeof value !== "object" || value === null) return undefined
    if (depth >= DEPTH) return `it nests deeper than ${limits.depth} levels`
    for (const name in value) {
      if (!Array.isArray(value)) {
        members++
        if (name === "__proto__" || name === "constructor" || name === "prototype") {
          return `the name ${name} is not allowed in it`
        }
      }
      const problem = visit((value as Record<string, unknown>)[name], depth + 1)
      if (problem !== undefined) return problem
    }
    return undefined
  }
  const problem = visit(root, 0)
  return { problem, members }
}
