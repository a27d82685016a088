/**
 * JSON that carries values, such as the body of a publish or a release file: the values are cut out as they stand. Pure.
 *
 *   CV1  A value that is a JSON string is the string's text; any other value is its own text, byte for byte.
 *   CV2  Nothing is lost silently: a name given twice is refused anywhere, around the values a number that JavaScript does not hold.
 *   CV3  A name that touches prototypes, or nesting that is too deep, is refused anywhere.
 */
import { Result } from "effect"
import { excerpt } from "../text/Excerpt.ts"
import { type Member, membersAt, numberAt, survey, twiceIn } from "./Json.ts"
import { DEPTH } from "./Structure.ts"
import type { ValueType } from "./ValueType.ts"

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
const writtenOf = (source: string, value: unknown): Written | null => {
  switch (source[0]) {
    case '"':
      return new Written(value as string, "string")
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
  const cut = carries === "nothing" ? [] : cutOut(text, json, carries)
  let members = 0
  for (const root of [json, ...cut.map(({ value }) => value)]) {
    const found = look(root)
    if (found.problem !== undefined) return Result.fail(found.problem)
    members += found.members
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
  /** As it was parsed. */
  readonly value: unknown
}

/** Puts `Written` into `json`, and tells what it replaced, in the order of the text. */
const cutOut = (text: string, json: unknown, carries: Carries): ReadonlyArray<Cut> => {
  const cut: Array<Cut> = []
  const take = (at: number, object: unknown): void => {
    for (const member of membersAt(text, at)) {
      if (member.name !== "value" || !isObject(object)) continue
      const value = object["value"]
      cut.push({ place: member, value })
      // Given twice, the first is no longer there to be read: refused below, by the count.
      object["value"] = value instanceof Written ? value : writtenOf(text.slice(member.from, member.to), value)
    }
  }
  if (!isObject(json)) return cut
  if (carries === "value") take(0, json)
  else {
    for (const member of membersAt(text)) {
      const changes = member.name === "changes" ? json["changes"] : undefined
      if (!Array.isArray(changes) || text[member.from] !== "[") continue
      for (const [index, change] of membersAt(text, member.from).entries()) take(change.from, changes[index])
    }
  }
  return cut
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** A value, or a schema, may nest `DEPTH` deep inside of a request. */
const WHOLE_DEPTH = DEPTH + 4

/** CV3. `members`: of all its objects together, those in values aside. */
const look = (root: unknown): { readonly problem: string | undefined; readonly members: number } => {
  let members = 0
  const visit = (value: unknown, depth: number): string | undefined => {
    if (typeof value !== "object" || value === null || value instanceof Written) return undefined
    if (depth >= WHOLE_DEPTH) return `it nests deeper than ${DEPTH} levels`
    if (Array.isArray(value)) {
      for (const item of value) {
        const problem = visit(item, depth + 1)
        if (problem !== undefined) return problem
      }
      return undefined
    }
    for (const name in value) {
      members++
      if (name === "__proto__" || name === "constructor" || name === "prototype") {
        return `the name ${name} is not allowed in it`
      }
      const problem = visit((value as Record<string, unknown>)[name], depth + 1)
      if (problem !== undefined) return problem
    }
    return undefined
  }
  const problem = visit(root, 0)
  return { problem, members }
}
