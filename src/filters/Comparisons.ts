/**
 * Filters that are nothing but comparisons of variables with constants, joined by `&&`: most are. They are evaluated without the engine, in a tenth of the
 * memory. Pure.
 *
 *   FZ11 What they say of an event is what the engine says.
 */
import type { Node } from "./Engine.ts"
import type { Read } from "./Reading.ts"
import { constantOf, type Value, valueOf } from "./Terms.ts"

type Operator = "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "is" | "not"

export interface Comparison {
  readonly variable: string
  readonly operator: Operator
  readonly constant: Value
  /** Of `in`. */
  readonly values: ReadonlySet<Value> | undefined
}

const FLIPPED: { readonly [operator: string]: Operator } = {
  "==": "==",
  "!=": "!=",
  "<": ">",
  "<=": ">=",
  ">": "<",
  ">=": "<="
}

/** Undefined: it is something else, too. */
export const comparisonsOf = (root: Node, read: Read): ReadonlyArray<Comparison> | undefined => {
  const found: Array<Comparison> = []
  const add = (node: Node): boolean => {
    if (node.op === "&&") return add(node.args[0]) && add(node.args[1])
    const one = comparisonOf(node, read)
    if (one !== undefined) found.push(one)
    return one !== undefined
  }
  return add(root) ? found : undefined
}

const comparisonOf = (node: Node, { variables }: Read): Comparison | undefined => {
  const variableOf = (one: Node): string | undefined => {
    const read = variables.get(one)
    return read?.itself === true ? read.name : undefined
  }
  const { op, args } = node
  const own = variableOf(node)
  if (own !== undefined) return { variable: own, operator: "is", constant: true, values: undefined }
  if (op === "!_") {
    const negated = variableOf(args)
    return negated === undefined
      ? undefined
      : { variable: negated, operator: "not", constant: false, values: undefined }
  }
  const flipped = FLIPPED[op]
  if (flipped === undefined && op !== "in") return undefined
  const [left, right] = [variableOf(args[0]), variableOf(args[1])]
  if (op === "in") {
    if (left === undefined || args[1].op !== "list") return undefined
    const values = (args[1].args as ReadonlyArray<Node>).map(constantOf)
    if (values.includes(undefined)) return undefined
    return { variable: left, operator: "in", constant: false, values: new Set(values as ReadonlyArray<Value>) }
  }
  const constant = left !== undefined ? constantOf(args[1]) : right !== undefined ? constantOf(args[0]) : undefined
  if (constant === undefined) return undefined
  return {
    variable: (left ?? right)!,
    operator: left === undefined ? flipped! : (op as Operator),
    constant,
    values: undefined
  }
}

/** Undefined: an error. FZ11 */
const holds = ({ operator, constant, values }: Comparison, value: unknown): boolean | undefined => {
  switch (operator) {
    case "==":
      return valueOf(value) === constant
    case "!=":
      return valueOf(value) !== constant
    case "in": {
      const own = valueOf(value)
      return own !== undefined && values!.has(own)
    }
    case "is":
      return typeof value === "boolean" ? value : undefined
    case "not":
      return typeof value === "boolean" ? !value : undefined
  }
  if (typeof value !== typeof constant && !(isNumber(value) && isNumber(constant))) return undefined
  switch (operator) {
    case "<":
      return (value as Value) < constant
    case "<=":
      return (value as Value) <= constant
    case ">":
      return (value as Value) > constant
    case ">=":
      return (value as Value) >= constant
  }
}

const isNumber = (value: unknown): boolean => typeof value === "number" || typeof value === "bigint"

/** True of all; as in CEL, what is false is false beside an error. */
export const all = (
  comparisons: ReadonlyArray<Comparison>,
  values: Readonly<Record<string, unknown>>
): "match" | "other" | "failed" => {
  let failed = false
  for (const one of comparisons) {
    const found = holds(one, values[one.variable])
    if (found === false) return "other"
    if (found === undefined) failed = true
  }
  return failed ? "failed" : "match"
}
