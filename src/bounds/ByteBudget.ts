/**
 * Bounds the bytes that work of a kind takes, in all and for one owner. Pure state.
 *
 *   BB1  Neither bound is passed: what would go beyond is not taken, and what others took stays.
 */
export class ByteBudget {
  readonly #inAll: number
  readonly #ofOne: number
  readonly #owners = new Map<string, number>()
  #taken = 0

  constructor(inAll: number, ofOne = inAll) {
    this.#inAll = inAll
    this.#ofOne = ofOne
  }

  get taken(): number {
    return this.#taken
  }

  takenBy(owner: string): number {
    return this.#owners.get(owner) ?? 0
  }

  /** False when there is no room; then nothing is taken. */
  take(bytes: number, owner: string): boolean {
    const its = this.takenBy(owner) + bytes
    if (this.#taken + bytes > this.#inAll || its > this.#ofOne) return false // BB1
    this.#taken += bytes
    this.#owners.set(owner, its)
    return true
  }

  /** Call it once for each `take` that was true. */
  give(bytes: number, owner: string): void {
    this.#taken -= bytes
    const left = this.takenBy(owner) - bytes
    if (left > 0) this.#owners.set(owner, left)
    else this.#owners.delete(owner)
  }
}
