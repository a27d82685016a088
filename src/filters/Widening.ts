/**
 * Writes whole numbers as doubles where they meet doubles, so that `price > 100` and `price == 100` are what they look like. Pure.
 *
 *   FZ5  A number is widened where it stays exactly what was written; nothing else is changed.
 */
import type { Node } from "./Engine.ts"
import type { Kind } from "./Variables.ts"

/** What is known of a node before it is checked. */
type Numeric = "double" | "int" | "dyn" | "other"

const MEETING = new Set(["==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/"])
const ADDING = new Set(["+", "-", "*"])
const COUNTING = new Set(["herald_int", "size", "indexOf", "lastIndexOf"])

export const widen = (node: Node, kinds: ReadonlyMap<Node, Kind>): Numeric => {
  const on = (one: Node) => widen(one, kinds)
  switch (node.op) {
    case "value":
      return typeof node.args === "number" ? "double" : typeof node.args === "bigint" ? "int" : "other"
    case "id":
      return numeric(kinds.get(node))
    case ".":
    case "[]": {
      const [inside, by] = node.args as [Node, Node | string]
      const outer = kinds.get(inside)
      if (typeof by !== "string") on(by)
      on(inside)
      const own = kinds.get(node)
      if (own !== undefined) return numeric(own)
      if (outer?.startsWith("list<") === true) return numeric(outer.slice(5, -1) as Kind)
      return inside.op === "id" && inside.args === "headers" ? "other" : "dyn"
    }
    case "-_":
      return on(node.args)
    case "!_":
      on(node.args)
      return "other"
    case "?:": {
      const [condition, left, right] = node.args as [Node, Node, Node]
      on(condition)
      return met(left, right, on(left), on(right))
    }
    case "in": {
      const [one, many] = node.args as [Node, Node]
      const kind = on(one)
      on(many)
      if (many.op === "list" && kind === "double") for (const each of many.args) toDouble(each)
      if (kinds.get(many) === "list<double>") toDouble(one)
      return "other"
    }
    case "list": {
      const found = (node.args as ReadonlyArray<Node>).map(on)
      if (found.includes("double")) for (const each of node.args) toDouble(each)
      return "other"
    }
    case "map":
      for (const entry of node.args) for (const one of entry) on(one)
      return "other"
    case "call": {
      const [name, args] = node.args as [string, ReadonlyArray<Node>]
      for (const one of args) on(one)
      return COUNTING.has(name) ? "int" : name === "double" ? "double" : name === "dyn" ? "dyn" : "other"
    }
    case "rcall": {
      const [name, receiver, args] = node.args as [string, Node, ReadonlyArray<Node>]
      on(receiver)
      for (const one of args) on(one)
      return COUNTING.has(name) || name.startsWith("get") ? "int" : "other"
    }
    default: {
      const [left, right] = node.args as [Node, Node]
      const kind = met(left, right, on(left), on(right), MEETING.has(node.op))
      return ADDING.has(node.op) || node.op === "/" || node.op === "%" ? kind : "other"
    }
  }
}

const numeric = (kind: Kind | undefined): Numeric =>
  kind === "double" || kind === "int" || kind === "dyn" ? kind : kind === undefined ? "dyn" : "other"

/** Two that have to be of one type. */
const met = (left: Node, right: Node, ofLeft: Numeric, ofRight: Numeric, widens = true): Numeric => {
  if (widens && ofRight === "int" && isFraction(ofLeft)) return toDouble(right) ? "double" : ofLeft
  if (widens && ofLeft === "int" && isFraction(ofRight)) return toDouble(left) ? "double" : ofRight
  if (ofLeft === ofRight) return ofLeft
  return ofLeft === "double" || ofRight === "double"
    ? "double"
    : ofLeft === "dyn" || ofRight === "dyn"
      ? "dyn"
      : "other"
}

/** JSON's numbers are doubles. */
const isFraction = (kind: Numeric): boolean => kind === "double" || kind === "dyn"

/** FZ5. False: it is not made of whole numbers alone, or can't be a double. */
const toDouble = (node: Node): boolean => {
  if (!isWhole(node)) return false
  doubled(node)
  return true
}

const isWhole = ({ op, args }: Node): boolean =>
  op === "value"
    ? typeof args === "bigint" && Number.isSafeInteger(Number(args))
    : op === "-_"
      ? isWhole(args)
      : ADDING.has(op) && isWhole(args[0]) && isWhole(args[1])

const doubled = (node: Node): void => {
  if (node.op === "value") node.args = Number(node.args)
  else if (node.op === "-_") doubled(node.args)
  else for (const one of node.args) doubled(one)
}

/** What all elements of a list are that is written out, when they are constants. */
export const kindOfElements = ({ args }: Node): Kind => {
  const types = new Set((args as ReadonlyArray<Node>).map((one) => (one.op === "value" ? typeof one.args : undefined)))
  if (types.has("number")) return "double"
  if (types.size !== 1) return "dyn"
  return types.has("bigint") ? "int" : types.has("string") ? "string" : types.has("boolean") ? "bool" : "dyn"
}
