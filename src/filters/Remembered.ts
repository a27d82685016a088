/**
 * Filters that were read of late, and what was wrong with others. Pure, but for what it costs to read one again.
 *
 *   FZ13 A filter of the same text and schema is compiled once for all who come with it, also where it is refused. What is remembered is bounded in
 *        entries and in bytes. Who comes with one that is not remembered pays for its text, and for what the repetitions of its patterns come to.
 */
import { Result } from "effect"
import { Weighed } from "../bounds/Weighed.ts"
import { FILTER_BYTES, type Filter, filterOf, patternsOf } from "./Filter.ts"
import type { FilterProblem } from "./Problem.ts"
import type { Variables } from "./Variables.ts"

type Found = Result.Result<Filter, FilterProblem>

/** FZ13 */
export const REMEMBERED = { entries: 1_000, bytes: 8_388_608 } as const
/** Of one that is refused: about what it takes besides its text. */
const REFUSED = 1_000
/** Bytes of text, or characters of patterns with repetitions written out, of which compiling costs about as much as one request. */
const BYTES_A_REQUEST = 40

/** Of schemas: each has one of its own, also when another one is gone. */
const numbers = new WeakMap<Variables, number>()
let next = 0

const known = new Weighed<{ readonly found: Found; readonly bytes: number }>(({ bytes }) => bytes)

const keyOf = (text: string, variables: Variables): string => {
  let number = numbers.get(variables)
  if (number === undefined) numbers.set(variables, (number = next++))
  return `${number} ${text}`
}

/** As `filterOf`. FZ13 */
export const rememberedFilter = (text: string, variables: Variables): Found => {
  const key = keyOf(text, variables)
  const there = known.use(key)
  if (there !== undefined) return there.found
  const found = filterOf(text, variables)
  if (text.length > FILTER_BYTES) return found
  const own = Result.isSuccess(found) ? found.success.bytes : REFUSED
  known.set(key, { found, bytes: own + 2 * key.length })
  known.trim(REMEMBERED.bytes, REMEMBERED.entries)
  return found
}

/** Requests that coming with it counts as, beside the one that it comes with: none where it is remembered. */
export const costOfFilter = (text: string, variables: Variables): number =>
  known.get(keyOf(text, variables)) === undefined
    ? Math.floor((text.length + (text.includes("matches") ? patternsOf(text, variables) : 0)) / BYTES_A_REQUEST)
    : 0

/** What is remembered. FZ13 */
export const remembered = (): { readonly entries: number; readonly bytes: number } => ({
  entries: known.size,
  bytes: known.bytes
})
