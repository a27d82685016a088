/**
 * Decides which keys a pattern covers: one, or all below one. Pure.
 *
 *   PT1  A pattern is a key, which covers itself, or a key and `.*`, which covers every key below it, and not the key itself.
 *   PT2  `*` covers every key. Operators and applications may say it; no client subscribes to it. Keys of other kinds are none of them (US3).
 *   PT3  The keys of a pattern that is no exact key are those that begin with its prefix: a range of their order.
 */
import { isKey, keyRule } from "./Key.ts"

/** Patterns of one subscription. */
export const MOST_PATTERNS = 256

/** Covers every key. PT2 */
export const EVERY_KEY = "*"

/** What the keys of a pattern begin with; undefined where it is an exact key. PT3 */
export const prefixOf = (pattern: string): string | undefined =>
  pattern === EVERY_KEY ? "" : pattern.endsWith(".*") || isWhole(pattern) ? pattern.slice(0, -1) : undefined

/** It begins with a kind. US1 in Name.ts */
const ofAnother = (name: string): boolean => name.charCodeAt(0) === 64

/** `@<kind>/*`. US3 in Name.ts */
const isWhole = (pattern: string): boolean => ofAnother(pattern) && pattern.endsWith("/*")

export const matches = (pattern: string, key: string): boolean => {
  const prefix = prefixOf(pattern)
  if (prefix === "") return !ofAnother(key) // PT2
  return prefix === undefined ? pattern === key : key.startsWith(prefix)
}

export const coveredBy = (patterns: ReadonlyArray<string>, key: string): boolean =>
  patterns.some((pattern) => matches(pattern, key))

/** Whether clients can subscribe to it. PT1 */
export const isPattern = (pattern: string): boolean => isKey(pattern.endsWith(".*") ? pattern.slice(0, -2) : pattern)

/** What is wrong with it, worded to follow its name. */
export const wrongPattern = (pattern: string): string | undefined =>
  isPattern(pattern) ? undefined : `is not a key or a key followed by .*: a key has ${keyRule}`

/** The patterns of a client that names none. */
export const defaultPatterns = (service: string): ReadonlyArray<string> => [service, `${service}.*`]

/** The first of its keys in their order. */
const startOf = (pattern: string): string => prefixOf(pattern) ?? pattern

/** Whether a key is covered by both: they are sets of beginnings, so one has the other's first key. */
export const meets = (a: string, b: string): boolean => matches(a, startOf(b)) || matches(b, startOf(a))

/** The patterns that none of the others covers, in the order of their keys: each key is covered by one of them at most. */
export const outermost = (patterns: ReadonlyArray<string>): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (const pattern of patterns.toSorted((a, b) => (startOf(a) < startOf(b) ? -1 : 1))) {
    const last = found.at(-1)
    if (last === undefined || !matches(last, startOf(pattern))) found.push(pattern)
  }
  return found
}

/** The prefix of each pattern that covers a key, except that of the exact key. PT3 */
export function* prefixesOf(key: string): Generator<string, void> {
  yield ofAnother(key) ? key.slice(0, key.indexOf("/") + 1) : ""
  for (let dot = key.indexOf("."); dot > 0; dot = key.indexOf(".", dot + 1)) yield key.slice(0, dot + 1)
}

/** Every pattern that covers a key. */
export const patternsOf = (key: string): ReadonlyArray<string> => [
  key,
  ...Array.from(prefixesOf(key), (prefix) => `${prefix}*`)
]
