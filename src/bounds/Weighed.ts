/**
 * Keeps things by id, oldest first, and knows how many bytes they take together. All that is kept in memory within bounds is kept here. Pure
 * state.
 *
 *   WE1  `bytes` is the weight of what is there, whatever came, went or was replaced.
 *   WE2  The oldest goes first. What is set anew, or was used, is the newest; what is replaced keeps its place.
 */

/** What a batch still has room for; `takeInto` lowers it. */
export interface Room {
  rows: number
  bytes: number
}

export class Weighed<A> {
  readonly #things = new Map<string, A>()
  readonly #weightOf: (thing: A) => number
  bytes = 0

  /** `weightOf`: about how many bytes of memory. Must be cheap, and not change for a thing while it is here. */
  constructor(weightOf: (thing: A) => number) {
    this.#weightOf = weightOf
  }

  get size(): number {
    return this.#things.size
  }

  get(id: string): A | undefined {
    return this.#things.get(id)
  }

  /** As `get`, and makes it the newest. */
  use(id: string): A | undefined {
    const thing = this.#things.get(id)
    if (thing === undefined) return undefined
    this.#things.delete(id)
    this.#things.set(id, thing)
    return thing
  }

  set(id: string, thing: A): void {
    this.delete(id)
    this.#things.set(id, thing)
    this.bytes += this.#weightOf(thing)
  }

  /** Sets a thing that is here anew, and keeps its age. */
  replace(id: string, thing: A): void {
    this.bytes += this.#weightOf(thing) - this.#weightOf(this.#things.get(id)!)
    this.#things.set(id, thing)
  }

  delete(id: string): A | undefined {
    const thing = this.#things.get(id)
    if (thing === undefined) return undefined
    this.bytes -= this.#weightOf(thing)
    this.#things.delete(id)
    return thing
  }

  /** Takes the oldest out. */
  shift(): A | undefined {
    for (const id of this.#things.keys()) return this.delete(id)
    return undefined
  }

  /** Drops the oldest until the rest is within `bytes` and `entries`. */
  trim(bytes: number, entries = Number.POSITIVE_INFINITY): void {
    while (this.bytes > bytes || this.size > entries) this.shift()
  }

  /** Moves the oldest into `list` while there is room; false when some are left. */
  takeInto(list: Array<A>, room: Room): boolean {
    for (const [id, thing] of this.#things) {
      if (room.rows <= 0 || room.bytes <= 0) return false
      room.rows--
      room.bytes -= this.#weightOf(thing)
      this.delete(id)
      list.push(thing)
    }
    return true
  }

  clear(): void {
    this.#things.clear()
    this.bytes = 0
  }

  /** Oldest first. */
  ids(): IterableIterator<string> {
    return this.#things.keys()
  }

  /** Oldest first. */
  values(): IterableIterator<A> {
    return this.#things.values()
  }
}
