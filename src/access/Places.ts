/**
 * Limits how many places are taken, by several names at once: in all, by address, by connection. Pure state.
 *
 *   PL1  A place is given when each of its names has room, and counts for each; it is given back once.
 *   PL2  What nobody holds any more is forgotten.
 */
export class Places {
  readonly #limits: ReadonlyArray<number>
  readonly #taken: ReadonlyArray<Map<string, number>>

  /** `limits`: one for each name that `take` is given, in its order. */
  constructor(limits: ReadonlyArray<number>) {
    this.#limits = limits
    this.#taken = limits.map(() => new Map())
  }

  /** Returns what gives the place back, or the index of the first name that has no room. An undefined name is not limited. PL1 */
  take(...names: ReadonlyArray<string | undefined>): (() => void) | number {
    const full = names.findIndex((name, i) => name !== undefined && this.count(i, name) >= (this.#limits[i] ?? 0))
    if (full >= 0) return full
    this.#add(names, 1)
    let held = true
    return () => {
      if (!held) return
      held = false
      this.#add(names, -1)
    }
  }

  count(index: number, name: string): number {
    return this.#taken[index]?.get(name) ?? 0
  }

  /** Names that are kept. PL2 */
  get size(): number {
    return this.#taken.reduce((sum, { size }) => sum + size, 0)
  }

  #add(names: ReadonlyArray<string | undefined>, by: number): void {
    for (const [i, name] of names.entries()) {
      if (name === undefined) continue
      const left = this.count(i, name) + by
      if (left > 0) this.#taken[i]?.set(name, left)
      else this.#taken[i]?.delete(name)
    }
  }
}
