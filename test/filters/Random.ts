/** Filters and events drawn by a seed. */
import { dice } from "../support/Chance.ts"

export interface Draw {
  /** From 0 to below `below`. */
  readonly int: (below: number) => number
  readonly of: <A>(things: ReadonlyArray<A>) => A
}

export const drawn = (seed: number): Draw => {
  const { below, of } = dice(seed)
  return { int: below, of }
}

/** One expression, as a filter has it, and as CEL has it without widening. */
export interface Twice {
  readonly ours: string
  readonly cels: string
}

const both = (text: string): Twice => ({ ours: text, cels: text })
const joined = (parts: ReadonlyArray<Twice | string>): Twice => ({
  ours: parts.map((part) => (typeof part === "string" ? part : part.ours)).join(""),
  cels: parts.map((part) => (typeof part === "string" ? part : part.cels)).join("")
})

const STRINGS = ["A", "B", "NASDAQ", "nasdaq", "", "é", "a'b"]

const text = (draw: Draw, depth: number): Twice => {
  switch (draw.int(depth > 0 ? 5 : 2)) {
    case 0:
      return both(draw.of(["exchange", "name", "note"]))
    case 1:
      return both(JSON.stringify(draw.of(STRINGS)))
    case 2:
      return joined(["(", text(draw, depth - 1), " + ", text(draw, depth - 1), ")"])
    case 3:
      return joined(["string(", whole(draw, depth - 1), ")"])
    default:
      return joined(["(", truth(draw, depth - 1), " ? ", text(draw, depth - 1), " : ", text(draw, depth - 1), ")"])
  }
}

const double = (draw: Draw, depth: number): Twice => {
  const n = draw.int(5)
  switch (draw.int(depth > 0 ? 6 : 3)) {
    case 0:
    case 1:
      return both(draw.of(["price", "bid"]))
    case 2:
      return draw.int(2) === 0 ? both(`${n}.5`) : { ours: `${n}`, cels: `${n}.0` }
    case 3:
    case 4:
      // One of them is a double for certain, so that the other one is widened.
      return joined(["(price ", draw.of(["+", "-", "*", "/"]), " ", double(draw, depth - 1), ")"])
    default:
      return joined(["double(", whole(draw, depth - 1), ")"])
  }
}

const whole = (draw: Draw, depth: number): Twice => {
  switch (draw.int(depth > 0 ? 5 : 2)) {
    case 0:
      return both("volume")
    case 1:
      return both(`${draw.int(5)}`)
    case 2:
      return joined(["(volume ", draw.of(["+", "-", "*", "/", "%"]), " ", whole(draw, depth - 1), ")"])
    case 3:
      return joined(["size(", text(draw, depth - 1), ")"])
    default:
      return both("size(tags)")
  }
}

export const truth = (draw: Draw, depth: number): Twice => {
  const compares = ["==", "!=", "<", "<=", ">", ">="]
  switch (draw.int(depth > 0 ? 11 : 5)) {
    case 0:
      return joined(["(price ", draw.of(compares), " ", double(draw, depth - 1), ")"])
    case 1:
      return joined(["(", text(draw, depth - 1), " ", draw.of(compares), " ", text(draw, depth - 1), ")"])
    case 2:
      return joined(["(", whole(draw, depth - 1), " ", draw.of(compares), " ", whole(draw, depth - 1), ")"])
    case 3:
      return both(draw.of(["active", "true", "false"]))
    case 4:
      return joined(["(", text(draw, 0), ' in ["A", "NASDAQ", "B"])'])
    case 5:
      return joined(["(", truth(draw, depth - 1), " && ", truth(draw, depth - 1), ")"])
    case 6:
      return joined(["(", truth(draw, depth - 1), " || ", truth(draw, depth - 1), ")"])
    case 7:
      return joined(["!", truth(draw, depth - 1)])
    case 8:
      return joined(["(", truth(draw, depth - 1), " ? ", truth(draw, depth - 1), " : ", truth(draw, depth - 1), ")"])
    case 9: {
      const macro = draw.of(["exists", "all", "exists_one"])
      return joined([`tags.${macro}(t, t ${draw.of(compares)} `, text(draw, 0), ")"])
    }
    default:
      return joined([text(draw, 0), `.${draw.of(["startsWith", "endsWith", "contains"])}(`, text(draw, 0), ")"])
  }
}

/** Each field may be missing. */
export const tick = (draw: Draw): Readonly<Record<string, unknown>> => {
  const all = {
    exchange: draw.of(STRINGS),
    name: draw.of(STRINGS),
    note: draw.of(STRINGS),
    price: draw.int(20) / 2,
    bid: draw.int(5),
    volume: draw.int(6),
    active: draw.int(2) === 0,
    tags: Array.from({ length: draw.int(4) }, () => draw.of(STRINGS))
  }
  return Object.fromEntries(Object.entries(all).filter(() => draw.int(8) > 0))
}

export const schema = {
  properties: {
    exchange: { type: "string" },
    name: { type: "string" },
    note: { type: "string" },
    price: { type: "number" },
    bid: { type: "number" },
    volume: { type: "integer" },
    active: { type: "boolean" },
    tags: { type: "array", items: { type: "string" } }
  }
}
