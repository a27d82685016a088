/**
 * Keeps something for each name, bounded in entries and in bytes. Pure state.
 *
 *   LY1  At most `most` are kept, and names of at most `NAMES` bytes. One makes room for another only where nothing is lost with it, the least
 *        recently used first: so no crowd of names empties what others used up.
 *   LY2  Where all are in use, names beyond them share one of `SHARED` by their hash, until there is room.
 *   LY3  What a name costs does not grow with how many there are: `LOOKED` are looked at for room.
 */

/** Bytes. LY1 */
export const NAMES = 4_194_304
/** LY2 */
export const SHARED = 256
/** LY3 */
const LOOKED = 16
/** Bytes of an entry besides its name. */
const ENTRY = 64

export interface KeptOptions<A> {
  readonly most: number
  readonly make: (name: string, now: number) => A
  /** Whether it is as a new one would be. LY1 */
  readonly isNew: (value: A, now: number) => boolean
}

const bytesOf = (name: string): number => ENTRY + 2 * name.length

/** FNV-1a, for which nobody has to be trusted: who shares with whom says nothing. */
const sharedName = (name: string): string => {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return `shared ${(hash >>> 0) % SHARED}`
}

export class Kept<A> {
  readonly #options: KeptOptions<A>
  /** The least recently used first. */
  readonly #own = new Map<string, A>()
  readonly #shared = new Map<string, A>()
  #bytes = 0

  constructor(options: KeptOptions<A>) {
    this.#options = options
  }

  get size(): number {
    return this.#own.size
  }

  /** Bytes of names. */
  get bytes(): number {
    return this.#bytes
  }

  /** What is kept for a name, or is from now on. */
  of(name: string, now: number): A {
    const found = this.#own.get(name)
    if (found !== undefined) {
      this.#own.delete(name)
      this.#own.set(name, found)
      return found
    }
    if (!this.#hasRoom(name)) this.#forget(name, now)
    const { make } = this.#options
    if (!this.#hasRoom(name)) return this.#ofShared(sharedName(name), now) // LY2
    const made = make(name, now)
    this.#own.set(name, made)
    this.#bytes += bytesOf(name)
    return made
  }

  /** Undefined: it is as a new one. */
  find(name: string): A | undefined {
    return this.#own.get(name) ?? (this.#hasRoom(name) ? undefined : this.#shared.get(sharedName(name)))
  }

  #ofShared(name: string, now: number): A {
    let found = this.#shared.get(name)
    if (found === undefined) this.#shared.set(name, (found = this.#options.make(name, now)))
    return found
  }

  #hasRoom(name: string): boolean {
    return this.#own.size < this.#options.most && this.#bytes + bytesOf(name) <= NAMES
  }

  /** LY1, LY3 */
  #forget(name: string, now: number): void {
    let looked = 0
    for (const [old, value] of this.#own) {
      if (this.#hasRoom(name) || looked++ >= LOOKED) return
      if (!this.#options.isNew(value, now)) continue
      this.#own.delete(old)
      this.#bytes -= bytesOf(old)
    }
  }
}
