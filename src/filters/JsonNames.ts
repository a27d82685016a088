/**
 * Finds names among those that a JSON object has. Pure state.
 *
 *   JX6  A name is found however it is written: with escapes or without.
 */
import { BACKSLASH, JsonBytes, QUOTE, same, TEXT } from "./JsonBytes.ts"

/** What is looked for. */
export interface Named {
  readonly name: string
}

interface Written<A> {
  readonly bytes: Uint8Array
  readonly named: A
}

export interface Names<A> {
  readonly byHash: ReadonlyMap<number, ReadonlyArray<Written<A>>>
  readonly byName: ReadonlyMap<string, A>
}

const hashOf = (bytes: Uint8Array): number => {
  let hash = 0
  for (const byte of bytes) hash = (Math.imul(hash, 31) + byte) | 0
  return hash
}

export const namesOf = <A extends Named>(all: Iterable<A>): Names<A> => {
  const byHash = new Map<number, Array<Written<A>>>()
  const byName = new Map<string, A>()
  for (const named of all) {
    const bytes = new TextEncoder().encode(named.name)
    byName.set(named.name, named)
    const hash = hashOf(bytes)
    const others = byHash.get(hash)
    if (others === undefined) byHash.set(hash, [{ bytes, named }])
    else others.push({ bytes, named })
  }
  return { byHash, byName }
}

export abstract class JsonNames extends JsonBytes {
  /** The field of the name that begins here; undefined: none that is wanted; null: no name ends here. */
  protected named<A>(names: Names<A>): A | undefined | null {
    const bytes = this.bytes
    const from = this.at + 1
    let hash = 0
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at]!
      if (byte === QUOTE) {
        this.at = at + 1
        const candidates = names.byHash.get(hash)
        if (candidates === undefined) return undefined
        for (const one of candidates) if (same(bytes, from, at, one.bytes)) return one.named
        return undefined
      }
      if (byte === BACKSLASH) {
        const end = this.end(at)
        if (end === -1) return null
        this.at = end + 1
        const name = end - from > TEXT ? undefined : this.unescaped(from, end)
        return name === undefined ? undefined : names.byName.get(name)
      }
      hash = (Math.imul(hash, 31) + byte) | 0
    }
    return null
  }
}
