/**
 * Keeps things by id within bounds that several owners share. Pure state.
 *
 *   XQ1  Where there is no room the oldest thing goes of whoever has most: nobody loses anything to one who has more than he. Nobody has more than `SHARE`.
 *   XQ2  It is within its bounds, in entries and in bytes, whatever came; whose nothing is here is forgotten.
 */
import { Weighed } from "./Weighed.ts"

/** Of what there is room for, that one owner has at most. XQ1 */
export const SHARE = 0.8

export interface SharedBounds {
  readonly entries: number
  readonly bytes: number
}

export class Shared<A> {
  readonly #bounds: SharedBounds
  readonly #weightOf: (thing: A) => number
  readonly #owners = new Map<string, Weighed<A>>()
  /** By id, whose it is. */
  readonly #ownerOf = new Map<string, string>()
  bytes = 0

  /** `weightOf`: as `Weighed` has it. */
  constructor(bounds: SharedBounds, weightOf: (thing: A) => number) {
    this.#bounds = bounds
    this.#weightOf = weightOf
  }

  get size(): number {
    return this.#ownerOf.size
  }

  /** That something is here of. XQ2 */
  get owners(): number {
    return this.#owners.size
  }

  get(id: string): A | undefined {
    return this.#of(id)?.get(id)
  }

  /** As `get`, and makes it the newest of its owner's. */
  use(id: string): A | undefined {
    return this.#of(id)?.use(id)
  }

  /** Keeps it as the newest of its owner's, as far as there is room. An id is one owner's: whoever set it last. XQ1 */
  set(id: string, thing: A, owner: string): void {
    this.#forget(id)
    let own = this.#owners.get(owner)
    if (own === undefined) this.#owners.set(owner, (own = new Weighed(this.#weightOf)))
    own.set(id, thing)
    this.#ownerOf.set(id, owner)
    this.bytes += this.#weightOf(thing)
    while (this.#shareOf(own) > SHARE) this.#dropOldest(own)
    while (this.bytes > this.#bounds.bytes || this.size > this.#bounds.entries) this.#dropOldest(this.#most())
  }

  #of(id: string): Weighed<A> | undefined {
    const owner = this.#ownerOf.get(id)
    return owner === undefined ? undefined : this.#owners.get(owner)
  }

  #shareOf({ size, bytes }: Weighed<A>): number {
    return Math.max(size / this.#bounds.entries, bytes / this.#bounds.bytes)
  }

  #most(): Weighed<A> {
    let most: Weighed<A> | undefined
    for (const own of this.#owners.values())
      if (most === undefined || this.#shareOf(own) > this.#shareOf(most)) most = own
    return most!
  }

  #dropOldest(own: Weighed<A>): void {
    const { value } = own.ids().next()
    if (value !== undefined) this.#forget(value)
  }

  #forget(id: string): void {
    const owner = this.#ownerOf.get(id)
    if (owner === undefined) return
    const own = this.#owners.get(owner)!
    this.bytes -= this.#weightOf(own.delete(id)!)
    this.#ownerOf.delete(id)
    if (own.size === 0) this.#owners.delete(owner)
  }
}
