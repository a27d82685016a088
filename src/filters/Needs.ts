/**
 * Which variables have to be there for a filter to be true, so that an event without them is known before anything is evaluated. Pure.
 *
 *   FZ6  A filter that needs a variable is never true without it, whatever the others are.
 */
import { MACROS, type Node } from "./Engine.ts"
import type { Read } from "./Reading.ts"

type Names = ReadonlySet<string>

const NONE: Names = new Set()

/** What `node` is not true without. */
export const needsOf = (node: Node, { variables }: Read): Names => {
  /** What `node` has no value without. */
  const strict = (one: Node): Names => {
    const read = variables.get(one)
    if (read !== undefined) return new Set([read.name])
    const { op, args } = one
    switch (op) {
      case "value":
      case "id":
        return NONE
      case "&&":
      case "||":
        return strict(args[0]).intersection(strict(args[1]))
      case "?:":
        return strict(args[0]).union(strict(args[1]).intersection(strict(args[2])))
      case "!_":
      case "-_":
        return strict(args)
      case ".":
        return strict(args[0])
      case "call":
        return args[0] === "has" ? NONE : all(args[1])
      case "rcall":
        return MACROS.has(args[0]) ? strict(args[1]) : all([args[1], ...args[2]])
      case "map":
        return all((args as ReadonlyArray<ReadonlyArray<Node>>).flat())
      default:
        return all(args)
    }
  }
  const all = (nodes: ReadonlyArray<Node>): Names => nodes.reduce<Names>((sum, one) => sum.union(strict(one)), NONE)
  const positive = (one: Node): Names => {
    const { op, args } = one
    if (op === "&&") return positive(args[0]).union(positive(args[1]))
    if (op === "||") return positive(args[0]).intersection(positive(args[1]))
    if (op === "?:") return strict(args[0]).union(positive(args[1]).intersection(positive(args[2])))
    return strict(one)
  }
  return positive(node)
}
