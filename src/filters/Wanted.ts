/**
 * Which parts of a payload are looked at: a tree of the names of its fields, of one filter or of several together. Pure.
 *
 *   WD1  What is wanted of several is what is wanted of any of them, and no more.
 */
import type { Kind } from "./Variables.ts"

export interface Wanted {
  /** All that is there, not only the fields that are named. */
  whole: boolean
  /** What the schema says that it is; below the payload's own fields nothing is said. */
  readonly kind: Kind
  readonly fields: Map<string, Wanted>
}

export const wantedOf = (kind: Kind): Wanted => ({ whole: false, kind, fields: new Map() })

/** `path`: from the payload on. `kind`: of its first field. */
export const want = (fields: Map<string, Wanted>, path: ReadonlyArray<string>, kind: Kind): void => {
  let at = fields
  for (const [index, name] of path.entries()) {
    let next = at.get(name)
    if (next === undefined) at.set(name, (next = wantedOf(index === 0 ? kind : "dyn")))
    if (index === path.length - 1) next.whole = true
    at = next.fields
  }
}

/** True: there is something that was not wanted before. WD1 */
export const wantAll = (into: Map<string, Wanted>, from: ReadonlyMap<string, Wanted>): boolean => {
  let more = false
  for (const [name, { whole, kind, fields }] of from) {
    let there = into.get(name)
    if (there === undefined) {
      into.set(name, (there = wantedOf(kind)))
      more = true
    }
    if (whole && !there.whole) {
      there.whole = true
      more = true
    }
    if (wantAll(there.fields, fields)) more = true
  }
  return more
}

/** Names, with those within others. */
export const countOf = (wanted: ReadonlyMap<string, Wanted>): number => {
  let count = wanted.size
  for (const { fields } of wanted.values()) count += countOf(fields)
  return count
}
