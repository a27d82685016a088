/**
 * Reads a filter: whether it may be evaluated at all, what it looks at, and what that can cost. Pure.
 *
 *   FZ2  A name is a field of the payload, or what Herald knows of an event; where there is a schema, a field of the schema.
 *   FZ3  Lists are gone through only where they are declared or written out, and never within each other.
 *   FZ4  in Written.ts
 */

import { excerpt } from "../text/Excerpt.ts"
import { nearby } from "../text/Nearest.ts"
import {
  functionNames,
  MACROS,
  mayAsk,
  mayCall,
  methodNames,
  type Node,
  OWN,
  presenceOf,
  slotOf,
  stepOf,
  variable
} from "./Engine.ts"
import { Refused } from "./Problem.ts"
import { EVENT, type EventName, isEventName, KIND_OF_EVENT, type Kind, type Variables } from "./Variables.ts"
import { type Wanted, want } from "./Wanted.ts"
import { kindOfElements } from "./Widening.ts"
import {
  ELEMENT,
  ELEMENT_BYTES,
  mapped,
  NOTHING,
  OWN as OWN_BYTES,
  type Size,
  sizeOf,
  spread,
  sum,
  type Through,
  Work
} from "./Work.ts"
import { constantIn, type Placed, patternIn } from "./Written.ts"

/** Elements of a list that is gone through. */
export const ELEMENTS = 100
/** Bytes of a number that is written as a text. */
const NUMBER = 32

export interface Read {
  /** Of the payload. */
  readonly wanted: Map<string, Wanted>
  readonly event: Set<EventName>
  /** Fields of which it is asked whether they are there. */
  readonly present: Set<string>
  readonly once: Work
  readonly each: Work
  readonly patterns: ReadonlyArray<Placed>
  /** Lists that are gone through, by the names of their variables. */
  readonly ranges: Set<string>
  /** What a node reads that is a variable, or a field of one: the variable's name, and whether it is read itself. */
  readonly variables: Map<Node, { readonly name: string; readonly itself: boolean }>
  readonly kinds: Map<Node, Kind>
}

/** Nodes that look at all of a text or list. */
const SCANNING = new Set(["in", "+", "==", "!=", "<", "<=", ">", ">="])

/** What gives as much as it is given. Everything else that is called gives a number, a time or a truth value. */
const GIVING = new Set(["string", "dyn", "lowerAscii", "upperAscii", "trim", "substring"])

/** Names of elements of lists that are gone through here. */
interface Scope {
  readonly element: string
  readonly kind: Kind
}

/** Changes names of fields to those of variables, and calls to those of our own. Throws `Refused`. */
export const read = (root: Node, variables: Variables): Read => {
  const reader = new Reader(variables)
  reader.walk(root, undefined)
  return reader
}

class Reader implements Read {
  readonly wanted = new Map<string, Wanted>()
  readonly event = new Set<EventName>()
  readonly present = new Set<string>()
  readonly once = new Work()
  readonly each = new Work()
  readonly patterns: Array<Placed> = []
  readonly ranges = new Set<string>()
  readonly variables = new Map<Node, { readonly name: string; readonly itself: boolean }>()
  readonly kinds = new Map<Node, Kind>()
  readonly #declared: Variables

  constructor(declared: Variables) {
    this.#declared = declared
  }

  /** Gives how large what it gives is. FZ12 */
  walk(node: Node, scope: Scope | undefined): Size {
    const work = this.#work(scope)
    work.nodes++
    switch (node.op) {
      case "value":
        return sizeOf(OWN_BYTES, typeof node.args === "string" ? node.args.length : 0)
      case "id":
      case ".":
      case "[]":
        return this.#path(node, scope, work)
      case "call":
        return this.#call(node, scope)
      case "rcall":
        return this.#method(node, scope)
      case "list":
        return this.#together(node.args, scope)
      case "map":
        return this.#together(node.args.flat(), scope)
      case "!_":
      case "-_":
        this.walk(node.args, scope)
        return NOTHING
      default: {
        const sizes = (node.args as ReadonlyArray<Node>).map((one) => this.walk(one, scope))
        const size = sum(sizes)
        if (SCANNING.has(node.op)) work.scan(size)
        return node.op === "+" || node.op === "?:" ? size : NOTHING
      }
    }
  }

  #work(scope: Scope | undefined): Work {
    return scope === undefined ? this.once : this.each
  }

  #together(parts: ReadonlyArray<Node>, scope: Scope | undefined): Size {
    const sizes = parts.map((one) => this.walk(one, scope))
    return sum([sizeOf(OWN_BYTES, ELEMENT_BYTES * parts.length), ...sizes])
  }

  /** `order.venue["id"]`: a variable, and the names of fields that are stepped down from it. */
  #path(node: Node, scope: Scope | undefined, work: Work): Size {
    const steps: Array<Node> = []
    let root = node
    while (root.op !== "id" && stepOf(root) !== undefined) {
      steps.unshift(root)
      root = root.args[0]
    }
    if (root.op !== "id") {
      // Something else is looked into: a call, or an element that is counted.
      if (root.op !== "[]") return this.walk(root, scope)
      const size = this.walk(root.args[0], scope)
      this.walk(root.args[1], scope)
      return size
    }
    const name = root.args as string
    if (name === scope?.element) {
      this.kinds.set(root, scope.kind)
      return sizeOf(ELEMENT)
    }
    work.nodes += steps.length
    if (name === "payload") {
      const first = steps.shift()
      if (first === undefined) throw new Refused("payload is used with a field of it, as in payload.price", root.pos)
      const field = stepOf(first)!
      const kind = this.#declared.fields?.get(field) ?? "dyn"
      const own = variable(slotOf(field))
      if (steps.length === 0) first.setMeta("alternate", own)
      else steps[0]!.args[0] = own
      return this.#field(steps.length === 0 ? first : own, field, kind, steps)
    }
    if (isEventName(name)) {
      this.event.add(name)
      this.kinds.set(root, KIND_OF_EVENT[name])
      this.variables.set(node, { name, itself: steps.length === 0 })
      return sizeOf(name)
    }
    const kind = this.#declaredKind(name, root)
    root.args = slotOf(name)
    return this.#field(root, name, kind, steps)
  }

  #field(node: Node, name: string, kind: Kind, steps: ReadonlyArray<Node>): Size {
    want(this.wanted, [name, ...steps.map((step) => stepOf(step)!)], kind)
    this.kinds.set(node, kind)
    this.variables.set(node, { name: slotOf(name), itself: true })
    const last = steps.at(-1)
    if (last !== undefined) this.variables.set(last, { name: slotOf(name), itself: false })
    return sizeOf(slotOf(name))
  }

  /** FZ2 */
  #declaredKind(name: string, node: Node): Kind {
    const { fields } = this.#declared
    if (fields === undefined) return "dyn"
    const kind = fields.get(name)
    if (kind !== undefined) return kind
    const [meant] = nearby(name, [...fields.keys(), ...Object.keys(EVENT)])
    throw new Refused(
      `the schema has no field ${excerpt(name)}${meant === undefined ? "; one that it doesn't name is payload.<name>" : `; is ${meant} meant?`}`,
      node.pos
    )
  }

  #call(node: Node, scope: Scope | undefined): Size {
    const [name, args] = node.args as [string, ReadonlyArray<Node>]
    if (name === "has" && args.length === 1) {
      this.#has(node, args[0]!, scope)
      return NOTHING
    }
    if (!mayCall(name, args.length)) throw unknown("function", name, args.length, functionNames, node)
    const pattern = name === "matches" ? this.#pattern(node, args[1]!) : 0
    if (name === "int") node.args[0] = OWN.get(name)
    else if (name === "duration" || name === "timestamp") {
      if (args[0]!.op === "value" && typeof args[0]!.args === "string") {
        constantIn(node, name, args[0]!)
        return NOTHING
      }
      if (name === "duration") throw new Refused('duration takes a constant, as in duration("5m")', node.pos) // FZ4
    }
    return this.#called(name, args, pattern, scope)
  }

  #method(node: Node, scope: Scope | undefined): Size {
    const [name, on, args] = node.args as [string, Node, ReadonlyArray<Node>]
    if (MACROS.get(name)?.includes(args.length) === true) return this.#through(name, on, args, scope)
    if (!mayAsk(name, args.length)) throw unknown("method", name, args.length, methodNames, node)
    const pattern = name === "matches" ? this.#pattern(node, args[0]!) : 0
    const own = OWN.get(name)
    if (own !== undefined) node.args[0] = own
    return this.#called(name, [on, ...args], pattern, scope)
  }

  /** Gives its characters, with repetitions written out. */
  #pattern(node: Node, given: Node): number {
    return this.patterns[this.patterns.push(patternIn(node, given)) - 1]!.pattern.size
  }

  #called(name: string, args: ReadonlyArray<Node>, pattern: number, scope: Scope | undefined): Size {
    const size = sum(args.map((one) => this.walk(one, scope)))
    const work = this.#work(scope)
    work.scan(size)
    if (pattern > 0) work.match(size, pattern)
    if (!GIVING.has(name)) return NOTHING
    return name === "string" ? sum([size, sizeOf(OWN_BYTES, NUMBER)]) : size
  }

  /** `has(price)` is there for fields of the payload, besides CEL's `has(order.price)`. */
  #has(node: Node, of: Node, scope: Scope | undefined): void {
    const field =
      of.op === "id"
        ? of.args
        : of.op === "." && of.args[0].op === "id" && of.args[0].args === "payload"
          ? of.args[1]
          : undefined
    if (typeof field !== "string" || (of.op === "id" && (isEventName(field) || field === scope?.element))) {
      if (of.op !== ".") throw new Refused("has takes a field, as in has(price) or has(order.price)", of.pos)
      this.walk(of, scope)
      return
    }
    if (of.op === "id") {
      if (field === "payload") throw new Refused("has takes a field, as in has(price) or has(order.price)", of.pos)
      this.#declaredKind(field, of)
    }
    want(this.wanted, [field], this.#declared.fields?.get(field) ?? "dyn")
    this.present.add(field)
    node.setMeta("alternate", variable(presenceOf(field)))
  }

  /** FZ3 */
  #through(name: string, on: Node, args: ReadonlyArray<Node>, scope: Scope | undefined): Size {
    if (scope !== undefined) throw new Refused(`${name} can't be within another one that goes through a list`, on.pos)
    const size = this.walk(on, scope)
    const read = this.variables.get(on)
    const kind = this.kinds.get(on)
    const listed = kind?.startsWith("list<") === true
    if (on.op !== "list" && !(read?.itself === true && listed))
      throw new Refused(`${name} goes through lists that the topic's schema declares, or that are written out`, on.pos)
    if (read !== undefined) this.ranges.add(read.name)
    const [element, ...asked] = args as [Node, ...Array<Node>]
    if (element.op !== "id") throw new Refused(`${name} begins with a name for an element`, element.pos)
    const within: Scope = {
      element: element.args,
      kind: on.op === "list" ? kindOfElements(on) : listed ? (kind.slice(5, -1) as Kind) : "dyn"
    }
    const through: Through = { size, elements: on.op === "list" ? on.args.length : ELEMENTS }
    const sizes = asked.map((one) => this.walk(one, within))
    spread(this.each, this.once, through)
    return name === "map" ? mapped(sizes.at(-1)!, through) : name === "filter" ? size : NOTHING
  }
}

const unknown = (what: string, name: string, count: number, names: ReadonlyArray<string>, node: Node): Refused => {
  if (names.includes(name)) return new Refused(`${name} doesn't take ${count} arguments here`, node.pos)
  const [meant] = nearby(name, names)
  return new Refused(
    `there is no ${what} ${excerpt(name)}${meant === undefined ? "" : `; is ${meant} meant?`}`,
    node.pos
  )
}
