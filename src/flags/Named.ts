/** Keeps the newest of what one environment has by name, in the order of the names. */
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

  /** At most `limit`, behind `after`, whose names begin with `prefix`. */
  page({ prefix, after, limit }: PageOptions): ReadonlyArray<C> {
    const keys = this.keys()
    const found: Array<C> = []
    for (let at = firstBehind(keys, [prefix, after].sort()[1]!); at < keys.length && found.length < limit; at++) {
      const key = keys[at]!
      if (!key.startsWith(prefix)) break
      if (key > after) found.push(this.byKey.get(key)!)
    }
    return found
  }
}

export interface PageOptions {
  readonly prefix: string
  readonly after: string
  readonly limit: number
}

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
