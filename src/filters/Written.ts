/**
 * Patterns, durations and times that are written out in a filter. Pure.
 *
 *   FZ4  What would cost more than its parts say is a constant: patterns, durations.
 */
import { excerpt } from "../text/Excerpt.ts"
import { constant, type Node, OWN } from "./Engine.ts"
import { Pattern } from "./Pattern.ts"
import { Refused } from "./Problem.ts"

/** Characters of a constant duration or timestamp. */
const CONSTANT = 40

/** A pattern, and where it stands in the filter. */
export interface Placed {
  readonly pattern: Pattern
  readonly at: number
}

/** `node` matches by the pattern from now on, once that is compiled. Throws `Refused`. FZ4 */
export const patternIn = (node: Node, given: Node): Placed => {
  if (given.op !== "value" || typeof given.args !== "string")
    throw new Refused('matches takes a constant, as in symbol.matches("^A")', given.pos)
  const pattern = Pattern.of(given.args)
  if (typeof pattern === "string") throw new Refused(`the pattern ${excerpt(given.args)} ${pattern}`, given.pos)
  given.args = pattern
  node.args[0] = OWN.get("matches")
  return { pattern, at: given.pos }
}

/** Throws `Refused`. */
export const compile = ({ pattern, at }: Placed): void => {
  const wrong = pattern.compile()
  if (wrong !== undefined) throw new Refused(`the pattern ${excerpt(pattern.text)} ${wrong}`, at)
}

/** `node` is the duration or time from now on. Throws `Refused`. FZ4 */
export const constantIn = (node: Node, name: "timestamp" | "duration", given: Node): void => {
  const text = given.args as string
  try {
    if (text.length > CONSTANT) throw new Error("too long")
    given.args = constant(name, text)
    node.setMeta("alternate", given)
  } catch {
    const like = name === "duration" ? "5m or 1h30m" : "2026-11-27T09:30:00Z"
    throw new Refused(`${excerpt(text)} is no ${name}; one is written as ${like}`, given.pos)
  }
}
