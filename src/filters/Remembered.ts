/**
 * Filters that were read of late, and what was wrong with others. Pure, but for what it costs to read one again.
 *
 *   FZ13 A filter of the same text and schema is compiled once for all who come with it, also where it is refused. What is remembered is bounded in
 *        entries and in bytes, of which those with patterns have a part of their own, and one principal pushes out nothing of others (XQ1).
 */
import { Result } from "effect"
import { Shared, type SharedBounds } from "../bounds/Shared.ts"
import { FILTER_BYTES, type Filter, filterOf, patternsOf } from "./Filter.ts"
import type { FilterProblem } from "./Problem.ts"
import type { Variables } from "./Variables.ts"

type Found = Result.Result<Filter, FilterProblem>

interface Remembered {
  readonly found: Found
  readonly bytes: number
}

/** Those without patterns, which are small, and those with them. FZ13 */
export const REMEMBERED = {
  plain: { entries: 750, bytes: 6_291_456 },
  patterns: { entries: 250, bytes: 2_097_152 }
} as const satisfies { readonly [of: string]: SharedBounds }
/** Of one that is refused: about what it takes besides its text. */
const REFUSED = 1_000
/** Bytes of text, or characters of patterns with repetitions written out, of which compiling costs about as much as one request. */
const BYTES_A_REQUEST = 40

/** Of schemas: each has one of its own, also when another one is gone. */
const numbers = new WeakMap<Variables, number>()
let next = 0

const weightOf = ({ bytes }: Remembered): number => bytes
const plain = new Shared(REMEMBERED.plain, weightOf)
const withPatterns = new Shared(REMEMBERED.patterns, weightOf)

const hasPatterns = (text: string): boolean => text.includes("matches")
const knownOf = (text: string): Shared<Remembered> => (hasPatterns(text) ? withPatterns : plain)

const keyOf = (text: string, variables: Variables): string => {
  let number = numbers.get(variables)
  if (number === undefined) numbers.set(variables, (number = next++))
  return `${number} ${text}`
}

/** As `filterOf`. `owner`: the principal who comes with it; "": nobody, it was there. FZ13 */
export const rememberedFilter = (text: string, variables: Variables, owner = ""): Found => {
  const [known, key] = [knownOf(text), keyOf(text, variables)]
  const there = known.use(key)
  if (there !== undefined) return there.found
  const found = filterOf(text, variables)
  if (text.length > FILTER_BYTES) return found
  const own = Result.isSuccess(found) ? found.success.bytes : REFUSED
  known.set(key, { found, bytes: own + 2 * key.length }, owner)
  return found
}

/** Whoever comes with it now costs nothing: it is here, or longer than any may be. FZ13 */
export const isRemembered = (text: string, variables: Variables): boolean =>
  text.length > FILTER_BYTES || knownOf(text).get(keyOf(text, variables)) !== undefined

/** Requests that reading one that isn't remembered counts as, beside the one that it comes with. FZ14 */
export const costOfText = ({ length }: string): number => Math.floor(length / BYTES_A_REQUEST)

/** Requests that compiling its patterns counts as, besides. It is read for that. FZ14 */
export const costOfPatterns = (text: string, variables: Variables): number =>
  hasPatterns(text) ? Math.floor((text.length + patternsOf(text, variables)) / BYTES_A_REQUEST) - costOfText(text) : 0

/** What is remembered. FZ13 */
export const remembered = (): { readonly entries: number; readonly bytes: number; readonly patterns: number } => ({
  entries: plain.size + withPatterns.size,
  bytes: plain.bytes + withPatterns.bytes,
  patterns: withPatterns.bytes
})
