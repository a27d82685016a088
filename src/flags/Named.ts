/** Keeps the newest of what one environment has by name, in the order of the names. */
import { inKeyScope, type KeyScope } from "../access/KeyScope.ts"
import { bytesOf } from "../values/Value.ts"
import type { Stored } from "./Stored.ts"

export class Named<C extends Stored> {
  readonly byKey = new Map<string, C>()
  /** Made when it is asked for. */
  #keys: ReadonlyArray<string> | undefined
  /** Of all definitions, as UTF-8. */
  bytes = 0

  /** False: a newer one is there already. */
  set(one: C): boolean {
    const before = this.byKey.get(one.key)
    if (one.revision < (before?.revision ?? 0n)) return false
    this.bytes += bytesOf(one.definition) - bytesOf(before?.definition ?? "")
    if (one.deleted ? this.byKey.delete(one.key) : before === undefined) this.#keys = undefined
    if (!one.deleted) this.byKey.set(one.key, one)
    return true
  }

  keys(): ReadonlyArray<string> {
    return (this.#keys ??= [...this.byKey.keys()].sort())
  }

  /** At most `limit`, behind `after`, whose names begin with `prefix`. It costs what it gives, whatever there is outside of the scope. */
  page({ prefix, after, limit, scope }: PageOptions): ReadonlyArray<C> {
    const keys = this.keys()
    const found: Array<C> = []
    for (const { from, within } of rangesOf(scope)) {
      for (let at = firstBehind(keys, latest(prefix, after, from)); at < keys.length && found.length < limit; at++) {
        const key = keys[at]!
        if (!key.startsWith(prefix) || !within(key)) break
        if (key > after) found.push(this.byKey.get(key)!)
      }
    }
    return found
  }

  /** How many are in the scope. */
  count(scope: KeyScope): number {
    if (scope === undefined) return this.byKey.size
    const keys = this.keys()
    const ends = (prefix: string) => firstBehind(keys, `${prefix}\uffff`) - firstBehind(keys, prefix)
    return scope.prefixes.reduce(
      (sum, prefix) => sum + ends(prefix),
      scope.names.filter((name) => this.byKey.has(name)).length
    )
  }
}

export interface PageOptions {
  readonly prefix: string
  readonly after: string
  readonly limit: number
  /** Only keys in it; left out: all. */
  readonly scope?: KeyScope
}

const latest = (...names: ReadonlyArray<string>): string => [...names].sort().at(-1)!

interface Range {
  readonly from: string
  readonly within: (key: string) => boolean
}

const ALL: ReadonlyArray<Range> = [{ from: "", within: () => true }]
const known = new WeakMap<Exclude<KeyScope, undefined>, ReadonlyArray<Range>>()

/** The parts of a scope in the order of their keys: none has a key of another. */
const rangesOf = (scope: KeyScope): ReadonlyArray<Range> => {
  if (scope === undefined) return ALL
  let ranges = known.get(scope)
  if (ranges === undefined) {
    ranges = [
      ...scope.names.map((name) => ({ from: name, within: (key: string) => key === name })),
      ...scope.prefixes.map((prefix) => ({ from: prefix, within: (key: string) => key.startsWith(prefix) }))
    ].sort((a, b) => (a.from < b.from ? -1 : 1))
    known.set(scope, ranges)
  }
  return ranges
}

/** Of several keys those in the scope. */
export const within = (scope: KeyScope, keys: Iterable<string>): ReadonlyArray<string> =>
  scope === undefined ? [...keys] : Array.from(keys).filter((key) => inKeyScope(scope, key))

/** The place of the first that is not before `key`. */
const firstBehind = (keys: ReadonlyArray<string>, key: string): number => {
  let [low, high] = [0, keys.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (keys[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}
