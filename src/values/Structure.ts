/**
 * Checks what parsed JSON is made of, in one walk: of values, of schemas and of what stands around values. Pure.
 *
 *   V1, V2 in Value.ts · CV3 in Written.ts
 */

import { NODES } from "./Limits.ts"
import { secretName } from "./Secrets.ts"

/** Levels of nesting. */
export const DEPTH = 64

export const NOT_FINITE = "a number in it is not finite"

export interface Rules {
  /** Levels that it may nest. The refusal names DEPTH all the same. */
  readonly depth: number
  /** It is a value or a schema, so its numbers, texts and their count are checked, too; and not what stands around one. */
  readonly content: boolean
  /** `$secret` is a reference. */
  readonly secrets: boolean
  /** Its text may have had escapes, so its strings are checked, too. */
  readonly escapes: boolean
}

export interface Structure {
  /** The first rule that it breaks. */
  readonly problem: string | undefined
  /** It must not be touched further: it is too deep, or has a name that touches prototypes. */
  readonly harmful: boolean
  /** Members of all its objects; where there is a problem, only of those before it. */
  readonly members: number
}

/** Of a value. */
const VALUE: Rules = { depth: DEPTH, content: true, secrets: true, escapes: true }

/** The first rule that a parsed document breaks. */
export const problemIn = (root: unknown, rules?: Partial<Rules>): string | undefined => look(root, rules).problem

export const look = (root: unknown, rules: Partial<Rules> = {}): Structure => {
  const { depth: deepest, content, secrets, escapes } = { ...VALUE, ...rules }
  let nodes = 1
  let members = 0
  let harmful = false
  const harm = (problem: string): string => {
    harmful = true
    return problem
  }
  const visit = (value: unknown, depth: number): string | undefined => {
    switch (typeof value) {
      case "string":
        return !content || !escapes || value.isWellFormed()
          ? undefined
          : "a string in it is not valid Unicode (an unpaired surrogate)"
      case "number":
        return !content || Number.isFinite(value) ? undefined : NOT_FINITE
      case "boolean":
        return undefined
      case "object":
        break
      default:
        return `it holds a ${typeof value}, which JSON can't express`
    }
    if (value === null) return undefined
    if (depth === deepest) return harm(`it is nested more than ${DEPTH} levels deep`)
    if (Array.isArray(value)) {
      if ((nodes += value.length) > NODES && content) return `it expands to more than ${NODES} values`
      for (const item of value) {
        const problem = visit(item, depth + 1)
        if (problem !== undefined) return problem
      }
      return undefined
    }
    let own = 0
    let secret = false
    for (const key in value) {
      own++
      if (key === "__proto__" || key === "constructor" || key === "prototype")
        return harm(`the name ${key} is not allowed in it`)
      if (content && escapes && !key.isWellFormed()) return "a name in it is not valid Unicode (an unpaired surrogate)"
      if (key === "$secret") secret = true
      const problem = visit((value as Record<string, unknown>)[key], depth + 1)
      if (problem !== undefined) return problem
    }
    members += own
    if ((nodes += own) > NODES && content) return `it expands to more than ${NODES} values`
    if (content && secrets && secret && secretName(value as Record<string, unknown>) === undefined) {
      return '$secret is reserved: {"$secret": "name"} with a valid key as name and nothing beside it'
    }
    return undefined
  }
  const problem = visit(root, 0)
  return { problem, harmful, members }
}
