/**
 * A filter of events: an expression of CEL that is true or not. Pure.
 *
 *   FZ7  Reading a filter is bounded, whatever its text is: in bytes before anything is read, in parts and depth while it is.
 *   FZ8  What an evaluation can cost is known before it begins, from the filter and the size of what it looks at; what would cost too much is not
 *        evaluated.
 *   FZ10 Filters that are dear share what one event may cost; those that are not are evaluated whatever others do.
 *   FZ9  What can't be evaluated is no match: a field that is not there or is of another type, an error, too much work. It is counted as what it was.
 */
import { Result } from "effect"
import { excerpt } from "../text/Excerpt.ts"
import { printable } from "../text/Printable.ts"
import { all, type Comparison, comparisonsOf } from "./Comparisons.ts"
import { NESTED, NODES, type Node, type Parsed, parse, rootOf, shownName } from "./Engine.ts"
import { needsOf } from "./Needs.ts"
import { type FilterProblem, problemAt, Refused } from "./Problem.ts"
import { ELEMENTS, type Read, read } from "./Reading.ts"
import { type Term, termsOf } from "./Terms.ts"
import type { EventName, Variables } from "./Variables.ts"
import type { Wanted } from "./Wanted.ts"
import { widen } from "./Widening.ts"
import { OWN, Work } from "./Work.ts"
import { compile } from "./Written.ts"

/** Bytes of a filter's text. FZ7 */
export const FILTER_BYTES = 4_096
/** Steps of one evaluation, of about ten nanoseconds. FZ8 */
export const STEPS = 1_000_000

/** Steps of all filters that one event is dear to. FZ10 */
export const EVENT_STEPS = 5_000_000
/** Steps that all filters which nothing finds may take for a usual event: one that takes more alone is refused. */
export const MOST_LOAD = 100_000
/** Steps from which an evaluation is dear. */
const DEAR = 10_000

/** What one event may still cost. */
export interface Allowance {
  left: number
}

/** What came of an event. FZ9 */
export type Outcome = "match" | "other" | "missing" | "failed" | "costly"

/** Values of variables, by name; undefined: it is not there. */
export type Values = Readonly<Record<string, unknown>>
/** Bytes of text that they have, and of elements as `Work` counts them, by name; undefined: none. */
export type Sizes = Readonly<Record<string, number | undefined>>

/** Most filters have none; of a hundred thousand, each is kept once. */
const NONE: ReadonlySet<never> = new Set()
const NO_WORK = new Work()

/** Of a part of the filter, which it looks at how many times. */
interface Looks {
  readonly nodes: number
  readonly scans: ReadonlyArray<readonly [variable: string, times: number]>
  readonly patterns: ReadonlyArray<readonly [variable: string, times: number]>
}

const looksOf = ({ nodes, scans, patterns }: Work): Looks => ({ nodes, scans: [...scans], patterns: [...patterns] })

export class Filter {
  readonly text: string
  /** Of the payload. */
  readonly wanted: ReadonlyMap<string, Wanted>
  readonly event: ReadonlySet<EventName>
  /** Fields of which it is asked whether they are there. */
  readonly present: ReadonlySet<string>
  readonly terms: ReadonlyArray<Term>
  /** Its only term says all. */
  readonly alone: boolean
  /** About how many steps it takes for a usual event. */
  readonly load: number
  /** About how many bytes of memory it takes. */
  readonly bytes: number
  readonly #needs: ReadonlyArray<string>
  readonly #ranges: ReadonlyArray<string>
  readonly #once: Looks
  readonly #each: Looks
  readonly #comparisons: ReadonlyArray<Comparison> | undefined
  /** Undefined: its comparisons say all, and nothing else is kept. */
  readonly #evaluate: Parsed | undefined

  constructor(text: string, evaluate: Parsed, found: Read, root: Node) {
    const { terms, alone } = termsOf(root, found)
    this.text = text
    this.wanted = found.wanted
    this.event = found.event.size === 0 ? NONE : found.event
    this.present = found.present.size === 0 ? NONE : found.present
    this.terms = terms
    this.alone = alone
    this.#needs = [...needsOf(root, found)]
    this.#ranges = [...found.ranges]
    this.#comparisons = comparisonsOf(root, found)
    this.#once = looksOf(this.#comparisons === undefined ? found.once : NO_WORK)
    this.#each = looksOf(this.#comparisons === undefined ? found.each : NO_WORK)
    this.#evaluate = this.#comparisons === undefined ? evaluate : undefined
    this.load =
      this.#comparisons === undefined ? usual(this.#once, this.#each) : COMPARED * (this.#comparisons.length + 1)
    this.bytes = bytesOf(text, found, this.terms, this.#comparisons)
  }

  /** What it is not true without, and these values lack; "": nothing. IX10 */
  lackedIn(values: Values): string {
    return this.#needs.find((name) => values[name] === undefined) ?? ""
  }

  evaluate(values: Values, sizes: Sizes, allowance: Allowance): Outcome {
    for (const name of this.#needs) if (values[name] === undefined) return "missing"
    if (this.#comparisons !== undefined) return all(this.#comparisons, values)
    let elements = this.#ranges.length > 0 || this.#each.nodes === 0 ? 0 : ELEMENTS
    for (const name of this.#ranges) {
      const list = values[name]
      if (!Array.isArray(list)) continue
      if (list.length > ELEMENTS) return "costly"
      if (list.length > elements) elements = list.length
    }
    const cost = this.#cost(sizes, elements, WORST)
    if (cost > DEAR) {
      if (cost > STEPS || cost > allowance.left) return "costly"
      allowance.left -= cost // FZ10
    }
    let found: unknown
    try {
      found = this.#evaluate!(values)
    } catch {
      return "failed"
    }
    return found === true ? "match" : found === false ? "other" : "failed"
  }

  /** FZ8 */
  #cost(sizes: Sizes, elements: number, weights: typeof WORST): number {
    const once = worked(this.#once, sizes, weights)
    return elements === 0 ? once : once + elements * worked(this.#each, sizes, weights)
  }
}

/** Measured: a filter of two comparisons is 2 KB, one of seven parts that the engine evaluates 4 KB, a pattern up to 165 bytes a character. */
const BYTES = 1_400

const bytesOf = (
  text: string,
  { once, each, patterns }: Read,
  terms: ReadonlyArray<Term>,
  comparisons: ReadonlyArray<Comparison> | undefined
): number => {
  const values = terms.reduce((sum, term) => sum + term.values.size, 0)
  return (
    BYTES +
    text.length +
    150 * values +
    (comparisons !== undefined ? 200 * comparisons.length : 400 * (once.nodes + each.nodes)) +
    patterns.reduce((sum, { pattern }) => sum + 2_000 + 170 * pattern.size, 0)
  )
}

/** Steps of a comparison. */
const COMPARED = 2
const USUAL = 128
const USUAL_ELEMENTS = 8
/** Steps a node, a byte that is looked at, and a byte and character of a pattern. */
const WORST = { node: 10, byte: 0.5, pattern: 10 }
const TYPICAL = { node: 4, byte: 0.1, pattern: 0.5 }

const worked = (
  { nodes, scans, patterns }: Looks,
  sizes: Sizes | undefined,
  { node, byte, pattern }: typeof WORST
): number => {
  let cost = nodes * node
  for (const [name, times] of scans) cost += bytesIn(name, sizes) * times * byte
  for (const [name, times] of patterns) cost += bytesIn(name, sizes) * times * pattern
  return cost
}

/** Steps for a usual event. */
const usual = (once: Looks, each: Looks): number =>
  worked(once, undefined, TYPICAL) + (each.nodes === 0 ? 0 : USUAL_ELEMENTS * worked(each, undefined, TYPICAL))

const tooDear = (load: number): string =>
  `its patterns make it take ${Math.ceil(load)} steps for an event of ${USUAL} bytes, and ${MOST_LOAD} are allowed: fewer or shorter ones, with fewer repetitions`

const bytesIn = (name: string, sizes: Sizes | undefined): number =>
  name === OWN ? 1 : sizes === undefined ? USUAL : (sizes[name] ?? 0)

/** Fails with the first thing that is wrong. */
export const filterOf = (text: string, variables: Variables): Result.Result<Filter, FilterProblem> => {
  const prepared = prepare(text, variables)
  if (Result.isFailure(prepared)) return Result.fail(prepared.failure)
  const { evaluate, found, root, type } = prepared.success
  if (type !== "bool" && type !== "dyn")
    return Result.fail(problemAt(text, 0, `it gives a value of type ${type}, and a filter gives true or false`))
  return Result.succeed(new Filter(text, evaluate, found, root))
}

interface Prepared {
  readonly evaluate: Parsed
  readonly found: Read
  readonly root: Node
  /** As CEL calls it. */
  readonly type: string
}

/** What a filter is before it is known to give true or false. */
export const prepare = (text: string, variables: Variables): Result.Result<Prepared, FilterProblem> => {
  if (text.length > FILTER_BYTES || Buffer.byteLength(text) > FILTER_BYTES)
    return Result.fail({ message: `it is longer than ${FILTER_BYTES} bytes`, line: 1, column: 1 })
  try {
    const evaluate = parse(text, variables)
    const root = rootOf(evaluate)
    const found = read(root, variables)
    const load = usual(looksOf(found.once), looksOf(found.each))
    if (found.patterns.length > 0 && load > MOST_LOAD) throw new Refused(tooDear(load), 0) // RZ1
    for (const one of found.patterns) compile(one)
    widen(root, found.kinds)
    const { valid, type, error } = evaluate.check()
    if (!valid || type === undefined) return Result.fail(problemOf(text, error))
    return Result.succeed({ evaluate, found, root, type })
  } catch (error) {
    return Result.fail(problemOf(text, error))
  }
}

/** What the parser's names of tokens are written as. */
const TOKENS: Readonly<Record<string, string>> = {
  ...{ PLUS: "+", MINUS: "-", MULTIPLY: "*", DIVIDE: "/", MODULO: "%", EQ: "==", NE: "!=", LT: "<", LE: "<=", GT: ">" },
  ...{ GE: ">=", AND: "&&", OR: "||", NOT: "!", IN: "in", LPAREN: "(", RPAREN: ")", LBRACKET: "[", RBRACKET: "]" },
  ...{ LBRACE: "{", RBRACE: "}", DOT: ".", COMMA: ",", COLON: ":", QUESTION: "?", IDENTIFIER: "a name" },
  ...{ NUMBER: "a number", STRING: "a text", BOOLEAN: "true or false", NULL: "null", BYTES: "bytes" }
}
const asWritten = (summary: string): string => summary.replace(/\b[A-Z]{2,}\b/g, (name) => TOKENS[name] ?? name)

/** Characters and classes that its patterns come to, before any of them is compiled; none where it can't be read, as none is compiled then. */
export const patternsOf = (text: string, variables: Variables): number => {
  if (text.length > FILTER_BYTES) return 0
  try {
    return read(rootOf(parse(text, variables)), variables).patterns.reduce((sum, { pattern }) => sum + pattern.size, 0)
  } catch {
    return 0
  }
}

/** Characters of what the engine says. */
const SAID = 300

const problemOf = (text: string, error: unknown): FilterProblem => {
  if (error instanceof Refused) return problemAt(text, error.at, error.message)
  const { code, range, summary } = error as {
    readonly code?: string
    readonly range?: { readonly start: number }
    readonly summary?: string
  }
  const at = range?.start ?? 0
  if (typeof summary !== "string") return problemAt(text, at, "it can't be read")
  if (code !== "limit_exceeded")
    return problemAt(
      text,
      at,
      printable(
        shownName(code === "unexpected_token" || code === "expected_token" ? asWritten(summary) : summary)
          .replace(/\bEOF\b/, "the end of the filter")
          .slice(0, SAID)
      )
    )
  if (summary.includes("maxDepth")) return problemAt(text, at, `it is nested deeper than ${NESTED}`)
  return problemAt(text, at, `it has more than ${NODES} parts, or ${excerpt(text.slice(at))} has too many arguments`)
}
