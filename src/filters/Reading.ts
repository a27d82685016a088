/**
 * Reads a filter: whether it may be evaluated at all, what it looks at, and what that can cost. Pure.
 *
 *   FZ2  A name is a field of the payload, or what Herald knows of an event; where there is a schema, a field of the schema.
 *   FZ3  Lists are gone through only where they are declared or written out, and never within each other.
 *   FZ4  What would cost more than its parts say is a constant: patterns, durations.
 */

import { excerpt } from "../text/Excerpt.ts"
import { nearby } from "../text/Nearest.ts"
import {
  constant,
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
import { Pattern } from "./Pattern.ts"
import { Refused } from "./Problem.ts"
import { EVENT, type EventName, isEventName, KIND_OF_EVENT, type Kind, type Variables } from "./Variables.ts"
import { type Wanted, want } from "./Wanted.ts"
import { kindOfElements } from "./Widening.ts"

/** A part of a filter that is evaluated once, or once for each element of a list. */
export interface Work {
  nodes: number
  /** Calls and operators that look at every byte of a text, or at every element of a list. */
  scans: number
  /** Characters of patterns, with repetitions written out. */
  patterns: number
}

export interface Read {
  /** Of the payload. */
  readonly wanted: Map<string, Wanted>
  readonly event: Set<EventName>
  /** Fields of which it is asked whether they are there. */
  readonly present: Set<string>
  readonly once: Work
  readonly each: Work
  /** Lists that are gone through, by the names of their variables. */
  readonly ranges: Set<string>
  /** What a node reads that is a variable, or a field of one: the variable's name, and whether it is read itself. */
  readonly variables: Map<Node, { readonly name: string; readonly itself: boolean }>
  readonly kinds: Map<Node, Kind>
}

/** Characters of a constant duration or timestamp. */
const CONSTANT = 40

/** Nodes that look at all of a text or list. */
const SCANNING = new Set(["in", "+", "==", "!=", "<", "<=", ">", ">="])

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
  readonly once: Work = { nodes: 0, scans: 0, patterns: 0 }
  readonly each: Work = { nodes: 0, scans: 0, patterns: 0 }
  readonly ranges = new Set<string>()
  readonly variables = new Map<Node, { readonly name: string; readonly itself: boolean }>()
  readonly kinds = new Map<Node, Kind>()
  readonly #declared: Variables

  constructor(declared: Variables) {
    this.#declared = declared
  }

  walk(node: Node, scope: Scope | undefined): void {
    const work = scope === undefined ? this.once : this.each
    work.nodes++
    if (SCANNING.has(node.op)) work.scans++
    switch (node.op) {
      case "value":
        break
      case "id":
      case ".":
      case "[]":
        this.#path(node, scope, work)
        break
      case "call":
        this.#call(node, scope)
        break
      case "rcall":
        this.#method(node, scope)
        break
      case "map":
        for (const entry of node.args) for (const one of entry) this.walk(one, scope)
        break
      case "!_":
      case "-_":
        this.walk(node.args, scope)
        break
      default:
        for (const one of node.args) this.walk(one, scope)
    }
  }

  /** `order.venue["id"]`: a variable, and the names of fields that are stepped down from it. */
  #path(node: Node, scope: Scope | undefined, work: Work): void {
    const steps: Array<Node> = []
    let root = node
    while (root.op !== "id" && stepOf(root) !== undefined) {
      steps.unshift(root)
      root = root.args[0]
    }
    if (root.op !== "id") {
      // Something else is looked into: a call, or an element that is counted.
      if (root.op === "[]") {
        this.walk(root.args[0], scope)
        this.walk(root.args[1], scope)
      } else this.walk(root, scope)
      return
    }
    const name = root.args as string
    if (name === scope?.element) {
      this.kinds.set(root, scope.kind)
      return
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
      this.#field(steps.length === 0 ? first : own, field, kind, steps)
    } else if (isEventName(name)) {
      this.event.add(name)
      this.kinds.set(root, KIND_OF_EVENT[name])
      this.variables.set(node, { name, itself: steps.length === 0 })
    } else {
      const kind = this.#declaredKind(name, root)
      root.args = slotOf(name)
      this.#field(root, name, kind, steps)
    }
  }

  #field(node: Node, name: string, kind: Kind, steps: ReadonlyArray<Node>): void {
    want(this.wanted, [name, ...steps.map((step) => stepOf(step)!)], kind)
    this.kinds.set(node, kind)
    this.variables.set(node, { name: slotOf(name), itself: true })
    const last = steps.at(-1)
    if (last !== undefined) this.variables.set(last, { name: slotOf(name), itself: false })
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

  #call(node: Node, scope: Scope | undefined): void {
    const [name, args] = node.args as [string, ReadonlyArray<Node>]
    if (name === "has" && args.length === 1) {
      this.#has(node, args[0]!, scope)
      return
    }
    if (!mayCall(name, args.length)) throw unknown("function", name, args.length, functionNames, node)
    this.#scan(scope)
    if (name === "matches") this.#pattern(node, args[1]!, scope)
    else if (name === "int") node.args[0] = OWN.get(name)
    else if (name === "duration" || name === "timestamp") {
      if (args[0]!.op === "value" && typeof args[0]!.args === "string") {
        this.#constant(node, name, args[0]!)
        return
      }
      if (name === "duration") throw new Refused('duration takes a constant, as in duration("5m")', node.pos) // FZ4
    }
    for (const one of args) this.walk(one, scope)
  }

  #method(node: Node, scope: Scope | undefined): void {
    const [name, on, args] = node.args as [string, Node, ReadonlyArray<Node>]
    if (MACROS.get(name)?.includes(args.length) === true) {
      this.#through(name, on, args, scope)
      return
    }
    if (!mayAsk(name, args.length)) throw unknown("method", name, args.length, methodNames, node)
    this.#scan(scope)
    if (name === "matches") this.#pattern(node, args[0]!, scope)
    const own = OWN.get(name)
    if (own !== undefined) node.args[0] = own
    this.walk(on, scope)
    for (const one of args) this.walk(one, scope)
  }

  #scan(scope: Scope | undefined): void {
    ;(scope === undefined ? this.once : this.each).scans++
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
  #through(name: string, on: Node, args: ReadonlyArray<Node>, scope: Scope | undefined): void {
    if (scope !== undefined) throw new Refused(`${name} can't be within another one that goes through a list`, on.pos)
    this.walk(on, scope)
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
    for (const one of asked) this.walk(one, within)
  }

  /** FZ4 */
  #pattern(node: Node, given: Node, scope: Scope | undefined): void {
    if (given.op !== "value" || typeof given.args !== "string")
      throw new Refused('matches takes a constant, as in symbol.matches("^A")', given.pos)
    const pattern = Pattern.of(given.args)
    if (typeof pattern === "string") throw new Refused(`the pattern ${excerpt(given.args)} ${pattern}`, given.pos)
    ;(scope === undefined ? this.once : this.each).patterns += pattern.size
    given.args = pattern
    node.args[0] = OWN.get("matches")
  }

  /** Is what it is from now on. FZ4 */
  #constant(node: Node, name: "timestamp" | "duration", given: Node): void {
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
}

const unknown = (what: string, name: string, count: number, names: ReadonlyArray<string>, node: Node): Refused => {
  if (names.includes(name)) return new Refused(`${name} doesn't take ${count} arguments here`, node.pos)
  const [meant] = nearby(name, names)
  return new Refused(
    `there is no ${what} ${excerpt(name)}${meant === undefined ? "" : `; is ${meant} meant?`}`,
    node.pos
  )
}
