/**
 * The engine that turns a rule into a function: json-logic-engine with the operators of `Operators.ts` and no others, and some of our own
 * that a rule is lowered to (`Lowering.ts`). Pure.
 *
 *   FE1  A rule is bounded in its work, whatever it and its context are: `STEPS` for all lists that it goes through, the texts that it reads there,
 *        and what it looks for in texts. Beyond them it ends as an error.
 *   FE12 Evaluations that are asked for together share what they may use: one with all its prerequisites has `STEPS`, and all flags of a request ten
 *        times as many. When these are used up each has `FLOOR` steps, so that what is cheap is answered whatever stands beside it.
 *   FE2  Nothing of an evaluation stays behind for the next.
 */
import { Constants, defaultMethods, LogicEngine } from "json-logic-engine"
import { harmfulPart, operators } from "./Operators.ts"

/** Elements of lists, each times the size of what is asked of it. About 20 ms at most. */
export const STEPS = 1_000_000
/** Steps that a rule has in any case. FE12 */
export const FLOOR = 1_000
/** Characters that count as a step: where a text is looked for, read, and put together or hashed. */
const [CHARACTERS, READ, MADE] = [256, 64, 4]
/** Elements that count as a step where a list is read. Some operators make a text of it. */
const ELEMENTS = 4
/** Characters of a name that is put together as the rule runs. */
const NAME = 1_000

/** What a rule ends with that needs more than `STEPS`. */
export class TooMuchWork extends Error {}

/** What a rule ends with that asks for a list of ids which this node has not loaded yet. */
export class NotLoaded extends Error {}

/** What the evaluation that runs now has left and sees: evaluations are synchronous. FE2 */
const now: { left: number; context: unknown; flagKey: string; seconds: number } = {
  left: STEPS,
  context: undefined,
  flagKey: "",
  seconds: 0
}

/** Steps that several evaluations have together. FE12 */
export interface Allowance {
  left: number
}

let shared: Allowance | undefined

/** From now on rules run on this, until it is called again: nothing else runs in between, as evaluations are synchronous. */
export const share = (allowance: Allowance | undefined): void => {
  shared = allowance
}

/** Runs a rule with all that it may use. */
export const running = (
  rule: (context: unknown) => unknown,
  context: unknown,
  flagKey: string,
  seconds: number
): unknown => {
  const most = shared === undefined ? STEPS : Math.min(STEPS, Math.max(FLOOR, shared.left)) // FE12
  now.left = most
  now.context = context
  now.flagKey = flagKey
  now.seconds = seconds
  try {
    return rule(context)
  } finally {
    if (shared !== undefined) shared.left -= most - Math.max(0, now.left)
    now.context = undefined // FE2
  }
}

export const targetingKeyNow = (): unknown =>
  (now.context as { readonly targetingKey?: unknown } | undefined)?.targetingKey

// FE1
const spend = (steps: number): void => {
  if ((now.left -= steps) < 0) throw new TooMuchWork()
}

const spent = (found: unknown): unknown => {
  if (typeof found === "string") spend(found.length / READ)
  else if (Array.isArray(found)) spend(found.length / ELEMENTS)
  return found
}

/** What is put together here, or gone through from its beginning to its end. */
export const made = (found: unknown): unknown => {
  if (typeof found === "string") spend(found.length / MADE)
  else if (Array.isArray(found)) spend(found.length)
  return found
}

const walked = (list: unknown, weight: number): unknown => {
  if (Array.isArray(list)) spend(list.length * weight)
  return list
}

/** What `in` of the engine does: a text's or a list's own `includes`. Looking for a long text in a long text costs the product of both. */
const contains = (given: unknown, needle: unknown): boolean => {
  const within = (given || []) as string | ReadonlyArray<unknown>
  if (within.length > CHARACTERS) {
    const each = typeof needle === "string" ? needle.length : typeof needle === "object" ? 4_096 : 16
    spend(typeof within === "string" ? (within.length / CHARACTERS) * Math.max(1, each) : within.length / 16)
  }
  return within.includes(needle as never)
}

const heldBy = (names: ReadonlySet<unknown>, needle: unknown): boolean => names.has(needle)

/** A name that the rule put together: of bounded length, and harmless. FR2 */
const named = (name: unknown): unknown => {
  if (typeof name === "string" && (name.length > NAME || harmfulPart(name) !== undefined)) {
    throw new RangeError("a name that is too long, or touches prototypes")
  }
  return name
}

const allNamed = (names: unknown): unknown => {
  for (const name of spent(Array.isArray(names) ? names : [names]) as ReadonlyArray<unknown>) named(name)
  return names
}

const starts = (text: unknown, part: unknown): boolean | null =>
  typeof text === "string" && typeof part === "string" ? text.startsWith(part) : null

const ends = (text: unknown, part: unknown): boolean | null =>
  typeof text === "string" && typeof part === "string" ? text.endsWith(part) : null

const secondsNow = (): number => now.seconds

/** Marks a function as one that the compiler may call without waiting for it. */
// biome-ignore lint/suspicious/noExplicitAny: what it takes and gives is the operator's own
const sync = <F extends (...args: any) => unknown>(of: F): F => Object.assign(of, { [Constants.Sync]: true })
for (const one of [spent, made, walked, contains, heldBy, named, allNamed, starts, ends, secondsNow]) sync(one)

interface BuildState {
  readonly compile: (texts: TemplateStringsArray, ...items: ReadonlyArray<unknown>) => unknown
}
type Arguments = ReadonlyArray<unknown>

/** An operator that is a function of arguments, folded where they are constants. */
const plain = (
  of: (...args: ReadonlyArray<never>) => unknown,
  compile: (given: Arguments, state: BuildState) => unknown
) => ({
  method: sync((given: Arguments) => of(...(given as ReadonlyArray<never>))),
  deterministic: true,
  compile
})

type Run = (rule: unknown) => unknown

/**
 * An operator that is never folded. `interpret`: how it is run where the engine compiles nothing, as in an `if` without an else; it is given
 * what it was lowered to.
 */
const special = (
  compile: (given: Arguments, state: BuildState) => unknown,
  interpret: (given: Arguments, run: Run, context: unknown) => unknown
) => ({
  lazy: true,
  deterministic: () => false,
  [Constants.Sync]: () => true,
  method: sync((given: Arguments, context: unknown, above: ReadonlyArray<unknown>, engine: LogicEngine) =>
    interpret(given, (rule) => engine.run(rule, context, { above }), context)
  ),
  compile
})
type Of = (...args: ReadonlyArray<unknown>) => unknown

/**
 * `prev` is a variable of what the engine compiles: a variable of a rule leaves its value there, and a comparison looks at it. What stands for a
 * variable leaves its value there, too (FE3).
 */

/** Names of what rules are lowered to. No rule as it is written can have them: FR1. */
export const OWN = {
  /** [list, weight] */
  walk: "$walk",
  /** [anything] */
  spent: "$spent",
  /** [anything that is put together, or gone through] */
  made: "$made",
  /** [needle, within] */
  contains: "$contains",
  /** [needle, set] */
  held: "$held",
  /** [name] */
  name: "$name",
  /** [names] */
  names: "$names",
  /** [text], which is no constant for the engine: it is not folded. */
  known: "$known",
  /** [anything], which keeps together what the engine writes as a condition without parentheses around it. */
  group: "$group",
  starts: "$starts",
  ends: "$ends",
  /** [] */
  seconds: "$seconds",
  /** [function, argument, and the function where nothing is compiled when it is another] */
  call: "$call",
  /** [function]: of the targeting key */
  ofTargetingKey: "$ofTargetingKey",
  /** [function, …arguments], all evaluated, as one list */
  apply: "$apply"
} as const

const own = {
  [OWN.walk]: plain(walked, ([list, weight], state) => state.compile`${walked}(${list}, ${weight})`),
  [OWN.spent]: plain(spent, ([found], state) => state.compile`${spent}(${found})`),
  [OWN.made]: plain(made, ([found], state) => state.compile`${made}(${found})`),
  [OWN.contains]: plain(
    (needle, within) => contains(within, needle),
    ([needle, within], state) => state.compile`${contains}(${within}, ${needle})`
  ),
  [OWN.held]: special(
    ([needle, names], state) => state.compile`${sync((one: unknown) => heldBy(names as never, one))}(${needle})`,
    ([needle, names], run) => heldBy(names as never, run(needle))
  ),
  [OWN.name]: plain(named, ([name], state) => state.compile`${named}(${name})`),
  [OWN.names]: plain(allNamed, ([names], state) => state.compile`${allNamed}(${names})`),
  [OWN.starts]: {
    ...plain(starts, ([text, part], state) => state.compile`${starts}(${text}, ${part})`),
    deterministic: false
  },
  [OWN.ends]: {
    ...plain(ends, ([text, part], state) => state.compile`${ends}(${text}, ${part})`),
    deterministic: false
  },
  [OWN.group]: plain(
    (found: unknown) => found,
    ([found], state) => state.compile`(${found})`
  ),
  [OWN.known]: special(
    ([text], state) => state.compile`(prev = ${text})`,
    ([text]) => text
  ),
  [OWN.seconds]: special((_, state) => state.compile`(prev = ${secondsNow}())`, secondsNow),
  [OWN.call]: special(
    ([of, one], state) => state.compile`${sync(of as Of)}(${one})`,
    ([of, one, interpreted = of], run) => (interpreted as Of)(run(one))
  ),
  [OWN.ofTargetingKey]: special(
    ([of], state) => state.compile`${sync(of as Of)}(context?.targetingKey)`,
    ([of], _, context) => (of as Of)((context as { readonly targetingKey?: unknown } | undefined)?.targetingKey)
  ),
  [OWN.apply]: special(
    ([of, ...given], state) => state.compile`${sync(of as Of)}(${given})`,
    ([of, ...given], run) => (of as Of)(given.map(run))
  )
}

/** Of the engine's own only what a rule may have: FR1. */
const taken = Object.fromEntries(Object.entries(defaultMethods).filter(([name]) => operators.has(name)))

const methods = { ...taken, ...own }

/** Turns what a rule was lowered to into a function of the context. Throws whatever the engine throws. FE1 holds for what it folds, too. */
export const build = (lowered: unknown): ((context: unknown) => unknown) => {
  now.left = STEPS
  // One engine a rule: it keeps what it has seen, and does otherwise after many rules (FE2).
  return new LogicEngine(methods).build(lowered) as (context: unknown) => unknown
}
