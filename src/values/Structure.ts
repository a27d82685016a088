/**
 * What parsed JSON may be made of. Pure.
 *
 *   V1, V2 in Value.ts
 */
import { secretName } from "./Secrets.ts"

/** How deep JSON may nest. */
export const DEPTH = 64

export const NOT_FINITE = "a number in it is not finite"

/** More than any JSON of the largest size has; YAML aliases can expand to more. */
const NODES = 600_000

/** V1, V2: the first rule that a parsed document breaks. `secrets: false` leaves `$secret` alone, for schemas. */
export const problemIn = (root: unknown, options?: { readonly secrets?: boolean }): string | undefined =>
  look(root, { secrets: options?.secrets ?? true, escapes: true }).problem

/** `escapes`: strings may hold what the text around them does not show. */
export const look = (
  root: unknown,
  { secrets, escapes }: { readonly secrets: boolean; readonly escapes: boolean }
): { readonly problem: string | undefined; readonly members: number } => {
  let nodes = 1
  let members = 0
  const visit = (value: unknown, depth: number): string | undefined => {
    switch (typeof value) {
      case "string":
        return !escapes || value.isWellFormed()
          ? undefined
          : "a string in it is not valid Unicode (an unpaired surrogate)"
      case "number":
        return Number.isFinite(value) ? undefined : NOT_FINITE
      case "boolean":
        return undefined
      case "object":
        break
      default:
        return `it holds a ${typeof value}, which JSON can't express`
    }
    if (value === null) return undefined
    if (depth === DEPTH) return `it is nested more than ${DEPTH} levels deep`
    if (Array.isArray(value)) {
      if ((nodes += value.length) > NODES) return `it expands to more than ${NODES} values`
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
      if (key === "__proto__" || key === "constructor" || key === "prototype") return `the key ${key} is not allowed`
      if (escapes && !key.isWellFormed()) return "a key in it is not valid Unicode (an unpaired surrogate)"
      if (key === "$secret") secret = true
      const problem = visit((value as Record<string, unknown>)[key], depth + 1)
      if (problem !== undefined) return problem
    }
    members += own
    if ((nodes += own) > NODES) return `it expands to more than ${NODES} values`
    if (secrets && secret && secretName(value as Record<string, unknown>) === undefined) {
      return '$secret is reserved: {"$secret": "name"} with a valid key as name and nothing beside it'
    }
    return undefined
  }
  const problem = visit(root, 0)
  return { problem, members }
}
