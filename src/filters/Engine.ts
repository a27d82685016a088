/**
 * The engine of CEL, as filters use it: what it reads, its nodes, and what it may be asked. Pure.
 *
 *   FZ1  What a filter can call is listed here; everything else that the engine has, now or later, is refused.
 */
import { Environment, type ParseResult } from "@marcbachmann/cel-js"
import { Pattern } from "./Pattern.ts"
import { EVENT, type Kind, type Variables } from "./Variables.ts"

/** Parts of a filter: names, constants, operators and calls. */
export const NODES = 256
/** Brackets and steps within each other. */
export const NESTED = 32

/** A node as the engine reads it. Until it is checked, its arguments may be changed. */
export interface Node {
  readonly op: string
  // biome-ignore lint/suspicious/noExplicitAny: what they are hangs on `op`, and whoever takes them looks at it first
  args: any
  readonly pos: number
  readonly start: number
  /** `alternate`: the node that is checked and evaluated instead. */
  setMeta(name: "alternate", node: Node): Node
}

export type Parsed = ParseResult

export const rootOf = (parsed: Parsed): Node => parsed.ast as unknown as Node

/** The name of a field that a node steps down to; undefined: it does something else. */
export const stepOf = (node: Node): string | undefined => {
  if (node.op === ".") return node.args[1]
  if (node.op !== "[]") return undefined
  const { op, args } = node.args[1] as Node
  return op === "value" && typeof args === "string" ? args : undefined
}

/** Names that no filter can write: fields of the payload, whether they are there. */
export const slotOf = (field: string): string => `.${field}`
/** The name of what a variable stands for, as a filter writes it. */
export const fieldOf = (variable: string): string => (variable.startsWith(".") ? variable.slice(1) : variable)
export const presenceOf = (field: string): string => `?${field}`

/** What is called in place of the engine's own. Their names are put right in what people are told. */
export const OWN: ReadonlyMap<string, string> = new Map(
  ["matches", "lowerAscii", "upperAscii", "int"].map((name) => [name, `herald_${name}`])
)
export const shownName = (text: string): string => text.replaceAll("herald_", "")

/** How many arguments each takes. */
const FUNCTIONS = new Map<string, ReadonlyArray<number>>(
  Object.entries({
    size: [1],
    int: [1],
    uint: [1],
    double: [1],
    string: [1],
    bool: [1],
    dyn: [1],
    timestamp: [1],
    duration: [1],
    matches: [2]
  })
)
const METHODS = new Map<string, ReadonlyArray<number>>(
  Object.entries({
    size: [0],
    startsWith: [1],
    endsWith: [1],
    contains: [1],
    matches: [1],
    lowerAscii: [0],
    upperAscii: [0],
    trim: [0],
    substring: [1, 2],
    indexOf: [1, 2],
    lastIndexOf: [1, 2],
    getFullYear: [0],
    getMonth: [0],
    getDate: [0],
    getDayOfMonth: [0],
    getDayOfWeek: [0],
    getHours: [0],
    getMinutes: [0],
    getSeconds: [0],
    getMilliseconds: [0]
  })
)
/** What goes through a list, with the arguments that each takes: the name of an element, and what is asked of it. */
export const MACROS = new Map<string, ReadonlyArray<number>>(
  Object.entries({ all: [2], exists: [2], exists_one: [2], filter: [2], map: [2, 3] })
)

export const functionNames: ReadonlyArray<string> = ["has", ...FUNCTIONS.keys()]
export const methodNames: ReadonlyArray<string> = [...MACROS.keys(), ...METHODS.keys()]

/** FZ1 */
export const mayCall = (name: string, count: number): boolean => FUNCTIONS.get(name)?.includes(count) === true
export const mayAsk = (name: string, count: number): boolean => METHODS.get(name)?.includes(count) === true

const NEVER_LATER = { async: false }
const ONES = /[A-Z]+/g
const SMALL = /[a-z]+/g

/** What doesn't fit is an error, as CEL has it. */
const within = (value: bigint): bigint => {
  if (BigInt.asIntN(64, value) !== value) throw new RangeError("int() is out of range")
  return value
}
/** CEL leaves the last doubles out that would fit. */
const whole = (value: number): bigint => {
  if (!(Math.abs(value) < 2 ** 63)) throw new RangeError("int() is out of range")
  return BigInt(Math.trunc(value))
}

const engine: Environment = new Environment({
  // Fields have names that no filter can write; which of them there are is decided before the engine sees one.
  unlistedVariablesAreDyn: true,
  limits: { maxAstNodes: NODES, maxDepth: NESTED, maxListElements: NODES, maxMapEntries: NODES, maxCallArguments: 3 }
})
  .registerType("herald_pattern", Pattern)
  .registerFunction("string.herald_matches(herald_pattern): bool", (text, pattern) => pattern.test(text), NEVER_LATER)
  .registerFunction("herald_matches(string, herald_pattern): bool", (text, pattern) => pattern.test(text), NEVER_LATER)
  .registerFunction(
    "string.herald_lowerAscii(): string",
    (text) => text.replace(ONES, (found: string) => found.toLowerCase()),
    NEVER_LATER
  )
  .registerFunction(
    "string.herald_upperAscii(): string",
    (text) => text.replace(SMALL, (found: string) => found.toUpperCase()),
    NEVER_LATER
  )
  .registerFunction("herald_int(int): int", (value) => value, NEVER_LATER)
  .registerFunction("herald_int(uint): int", (value) => within(value.valueOf()), NEVER_LATER)
  .registerFunction("herald_int(double): int", (value) => within(whole(value)), NEVER_LATER)
  .registerFunction("herald_int(string): int", (value) => within(engine.evaluate("int(x)", { x: value })), NEVER_LATER)
  .registerFunction(
    "herald_int(google.protobuf.Timestamp): int",
    (value) => BigInt(Math.floor(value.getTime() / 1_000)),
    NEVER_LATER
  )
for (const [name, kind] of Object.entries(EVENT)) engine.registerVariable(name, kind)

/** By what was declared, which is made once a schema. */
const engines = new WeakMap<Variables, Environment>()

const engineFor = (variables: Variables): Environment => {
  if (variables.fields === undefined) return engine
  let own = engines.get(variables)
  if (own === undefined) {
    own = engine.clone()
    for (const [field, kind] of variables.fields) own.registerVariable(slotOf(field), CEL[kind])
    engines.set(variables, own)
  }
  return own
}

const CEL: { readonly [kind in Kind]: string } = {
  string: "string",
  double: "double",
  int: "int",
  bool: "bool",
  dyn: "dyn",
  map: "map<string, dyn>",
  "list<string>": "list<string>",
  "list<double>": "list<double>",
  "list<int>": "list<int>",
  "list<bool>": "list<bool>",
  "list<dyn>": "list<dyn>"
}

/** Throws what the engine throws. */
export const parse = (text: string, variables: Variables): Parsed => engineFor(variables).parse(text)

/** A node that reads a variable which no text can name. */
export const variable = (name: string): Node => {
  const node = rootOf(engine.parse("x"))
  node.args = name
  return node
}

/** What `timestamp` or `duration` of a constant is. Throws what the engine throws. */
export const constant = (name: "timestamp" | "duration", text: string): unknown =>
  engine.evaluate(`${name}(x)`, { x: text })
