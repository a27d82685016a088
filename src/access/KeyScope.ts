/**
 * Which keys of a kind an identity may touch. Pure.
 *
 *   KO1  Keys and kinds that are left out mean all of them. A kind that is not named has no key in it, whatever the patterns say.
 *   KO2  A scope is names and beginnings of names, so that a store finds what is in it by its index, and never reads the rest.
 */
import { EVERY_KEY, isPattern, matches, outermost, prefixOf } from "../keys/Pattern.ts"
import type { Identity, Kind } from "./Identity.ts"

/** Patterns of one grant. */
export const KEY_PATTERNS = 100

/** Whether a grant may name it: what clients subscribe to, or `*`. PT1, PT2 */
export const isKeyPattern = (pattern: string): boolean => pattern === EVERY_KEY || isPattern(pattern)

export const keyPatternRule = "a key, a key and .* for all below it, or * for all"

/** Keys by their names, and by what the names of others begin with; undefined: all. */
export type KeyScope = { readonly names: ReadonlyArray<string>; readonly prefixes: ReadonlyArray<string> } | undefined

export type KeyRights = Pick<Identity, "keys" | "kinds">

const NOTHING: KeyScope = { names: [], prefixes: [] }

/** KO1 */
export const ofKind = ({ kinds }: KeyRights, kind: Kind): boolean => kinds === undefined || kinds.includes(kind)

/** It may be about any key of any kind. */
export const ofEveryKey = ({ keys, kinds }: KeyRights): boolean =>
  kinds === undefined && (keys === undefined || keys.includes(EVERY_KEY))

/** Of patterns that cover each other the widest is in it. KO1, KO2 */
export const scopeOf = (identity: KeyRights, kind: Kind): KeyScope => {
  if (!ofKind(identity, kind)) return NOTHING
  const { keys } = identity
  if (keys === undefined || keys.includes(EVERY_KEY)) return undefined
  let scope = scopes.get(keys)
  if (scope === undefined) scopes.set(keys, (scope = scopeBy(keys)))
  return scope
}

/** Patterns of a grant never change, and are asked about with each request. */
const scopes = new WeakMap<ReadonlyArray<string>, Exclude<KeyScope, undefined>>()

const scopeBy = (keys: ReadonlyArray<string>): Exclude<KeyScope, undefined> => {
  const widest = outermost(keys)
  return {
    names: widest.filter((pattern) => prefixOf(pattern) === undefined),
    prefixes: widest.flatMap((pattern) => prefixOf(pattern) ?? [])
  }
}

/** The same for the same keys, another for others; "": all. */
export const scopeText = (scope: KeyScope): string =>
  scope === undefined ? "" : `${scope.names.join(" ")}|${scope.prefixes.join(" ")}`

export const inKeyScope = (scope: KeyScope, key: string): boolean =>
  scope === undefined || scope.names.includes(key) || scope.prefixes.some((prefix) => key.startsWith(prefix))

/** Nothing can be in it. */
export const isEmptyScope = (scope: KeyScope): boolean =>
  scope !== undefined && scope.names.length === 0 && scope.prefixes.length === 0

/** A key, or all that begin alike: one stretch of the order of keys. */
export interface Stretch {
  readonly start: string
  readonly exact: boolean
}

/** What of the keys that begin with `prefix` is in the scope, in their order and none twice. KO2 */
export const stretchesOf = (scope: KeyScope, prefix: string): ReadonlyArray<Stretch> => {
  if (scope === undefined) return [{ start: prefix, exact: false }]
  const names = scope.names.filter((name) => name.startsWith(prefix)).map((start) => ({ start, exact: true }))
  const beginnings = scope.prefixes.flatMap((one) =>
    one.startsWith(prefix) ? one : prefix.startsWith(one) ? prefix : []
  )
  return [...names, ...beginnings.map((start) => ({ start, exact: false }))].sort((a, b) =>
    a.start < b.start ? -1 : 1
  )
}

/**
 * What of a pattern's keys is in the scope, as patterns of which none covers another: both are sets of beginnings, so this is one, too. It costs what
 * it gives and a search for each pattern.
 */
export const withinScope = (scope: KeyScope, patterns: ReadonlyArray<string>): ReadonlyArray<string> => {
  if (scope === undefined) return patterns
  const its = patternsOf(scope)
  const found = new Set<string>()
  for (const pattern of patterns) {
    const from = firstFrom(its, startOf(pattern))
    // What covers it is the last one before it, or begins as it does: else that would cover the ones in between, too.
    if ([its[from - 1], its[from]].some((mine) => mine !== undefined && covers(mine, pattern))) found.add(pattern)
    else for (let at = from; at < its.length && covers(pattern, its[at]!); at++) found.add(its[at]!)
  }
  return outermost([...found])
}

/** In the order of their keys; none covers another. */
const patternsOf = (scope: Exclude<KeyScope, undefined>): ReadonlyArray<string> => {
  let its = ordered.get(scope)
  if (its === undefined)
    ordered.set(scope, (its = outermost([...scope.names, ...scope.prefixes.map((prefix) => `${prefix}*`)])))
  return its
}
const ordered = new WeakMap<Exclude<KeyScope, undefined>, ReadonlyArray<string>>()

const startOf = (pattern: string): string => prefixOf(pattern) ?? pattern

/** The place of the first that does not begin before `start`. */
const firstFrom = (patterns: ReadonlyArray<string>, start: string): number => {
  let [low, high] = [0, patterns.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (startOf(patterns[middle]!) < start) low = middle + 1
    else high = middle
  }
  return low
}

/** Each key of `inner` is one of `outer`. */
export const covers = (outer: string, inner: string): boolean => {
  const beginning = prefixOf(inner)
  if (beginning === undefined) return matches(outer, inner)
  const prefix = prefixOf(outer)
  return prefix !== undefined && beginning.startsWith(prefix)
}
