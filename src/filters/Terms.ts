/**
 * Equalities that a filter can't be true without, so that an event finds its filters by what it has. Pure.
 *
 *   IX1  A filter is true of no event whose variable has none of a term's values.
 *   IX2  Values that are equal to each other in CEL are one value here.
 */
import type { Node } from "./Engine.ts"
import type { Read } from "./Reading.ts"

/** One way to write a value that others are equal to. */
export type Value = string | number | bigint | boolean

export interface Term {
  readonly variable: string
  readonly values: ReadonlySet<Value>
}

/** Values of one term. With more of them, it is evaluated as everything else. */
export const VALUES_OF_TERM = 64

/** IX2. Undefined: it is no value that terms have. */
export const valueOf = (value: unknown): Value | undefined => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value
    case "number":
      if (Number.isNaN(value)) return undefined
      return Number.isInteger(value) && !Number.isSafeInteger(value) ? BigInt(value) : value
    case "bigint": {
      const double = Number(value)
      return Number.isSafeInteger(double) ? double : value
    }
    default:
      return undefined
  }
}

/** `alone`: the filter is true of exactly the events that have one of the values of its only term. */
export const termsOf = (root: Node, read: Read): { readonly terms: ReadonlyArray<Term>; readonly alone: boolean } => {
  const terms: Array<Term> = []
  const add = (node: Node): void => {
    if (node.op === "&&") for (const one of node.args) add(one)
    else {
      const term = termOf(node, read)
      if (term !== undefined) terms.push(term)
    }
  }
  add(root)
  return { terms, alone: root.op !== "&&" && terms.length === 1 }
}

const termOf = (node: Node, read: Read): Term | undefined => {
  const { op, args } = node
  if (op === "||") {
    const [left, right] = [termOf(args[0], read), termOf(args[1], read)]
    if (left === undefined || right === undefined || left.variable !== right.variable) return undefined
    return bounded(left.variable, left.values.union(right.values))
  }
  if (op === "==") return equality(args[0], [args[1]], read) ?? equality(args[1], [args[0]], read)
  return op === "in" && args[1].op === "list" ? equality(args[0], args[1].args, read) : undefined
}

const equality = (of: Node, to: ReadonlyArray<Node>, read: Read): Term | undefined => {
  const variable = read.variables.get(of)
  if (variable?.itself !== true) return undefined
  const values = new Set<Value>()
  for (const one of to) {
    const value = constantOf(one)
    if (value === undefined) return undefined
    values.add(value)
  }
  return bounded(variable.name, values)
}

const bounded = (variable: string, values: ReadonlySet<Value>): Term | undefined =>
  values.size > VALUES_OF_TERM ? undefined : { variable, values }

/** A constant that terms have; undefined: it is something else. */
export const constantOf = ({ op, args }: Node): Value | undefined => {
  if (op === "value") return valueOf(args)
  if (op !== "-_") return undefined
  const value = constantOf(args)
  return typeof value === "number" || typeof value === "bigint" ? valueOf(-value) : undefined
}
