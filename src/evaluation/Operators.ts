/**
 * What a targeting rule may be made of: the operators of JSONLogic that flagd's schema knows, and flagd's own. Pure.
 *
 *   FR1  An operator that is not in this list is refused. What only one language's engine knows would end as an error in the others.
 *   FR2  A rule reads what its context has, and nothing that JavaScript puts beside it: no name that touches prototypes.
 */

export interface Operator {
  /** Arguments that it takes, when they are written as a list. */
  readonly least: number
  readonly most: number
  /** What it takes must be written as a list. */
  readonly list?: boolean
  /** It only ever gives true or false (or null, as flagd's own do when something is wrong). */
  readonly judges?: boolean
}

/** Arguments of one operator; lists of values have no such end, besides that of the definition's bytes. */
export const ARGUMENTS = 1_000

const some = (least: number, most: number = ARGUMENTS): Operator => ({ least, most })
const listed = (least: number, most: number = ARGUMENTS): Operator => ({ least, most, list: true })
const judging = (least: number, most: number = ARGUMENTS): Operator => ({ least, most, list: true, judges: true })

/** Those that go through a list. The first argument is the list, the second is asked for each of its elements. */
export const ITERATORS: ReadonlySet<string> = new Set(["map", "filter", "reduce", "all", "some", "none"])

export const operators: ReadonlyMap<string, Operator> = new Map([
  ["var", some(0, 2)],
  ["missing", some(0)],
  ["missing_some", listed(2, 2)],
  ["if", listed(2)],
  ["==", judging(2)],
  ["===", judging(2)],
  ["!=", judging(2)],
  ["!==", judging(2)],
  ["<", judging(2)],
  ["<=", judging(2)],
  [">", judging(2)],
  [">=", judging(2)],
  ["!", { least: 1, most: 1, judges: true }],
  ["!!", { least: 1, most: 1, judges: true }],
  ["and", listed(1)],
  ["or", listed(1)],
  ["+", some(1)],
  ["-", some(1)],
  ["*", some(1)],
  ["/", some(1)],
  ["%", listed(2, 2)],
  ["max", some(1)],
  ["min", some(1)],
  ["merge", some(0)],
  ["in", judging(2, 2)],
  ["cat", some(1)],
  ["substr", listed(2, 3)],
  ["map", listed(2, 2)],
  ["filter", listed(2, 2)],
  ["reduce", listed(2, 3)],
  ["all", judging(2, 2)],
  ["some", judging(2, 2)],
  ["none", judging(2, 2)],
  ["fractional", listed(1)],
  ["sem_ver", judging(3, 3)],
  ["starts_with", judging(2, 2)],
  ["ends_with", judging(2, 2)]
])

/** The operator by which a rule stands for another that has a name. */
export const REF = "$ref"

/**
 * What stands for a list of ids that is kept beside its segment: [whether somebody is in it, who, the segment's name]. Rules as they are written
 * can't have it (FR1), and neither can what is sent to clients.
 */
export const MEMBER = "$member"

export const argumentsOf = (given: unknown): ReadonlyArray<unknown> => (Array.isArray(given) ? given : [given])

/** Names that JavaScript gives to every object, or to texts and lists. FR2 */
const PROTOTYPES = new Set(["__proto__", "constructor", "prototype"])

/** A part of a path that touches prototypes. FR2 */
export const harmfulPart = (path: string): string | undefined => path.split(".").find((part) => PROTOTYPES.has(part))

/** The operator and what it is given, of an object with one member; undefined: it has none, or several. */
export const operation = (rule: object): readonly [name: string, given: unknown] | undefined => {
  const members = Object.entries(rule)
  return members.length === 1 ? members[0] : undefined
}
