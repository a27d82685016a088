/**
 * Who may get something in one look, each in turn. Pure state.
 *
 *   DZ3  A look asks nobody who takes nothing: what it costs is events that it looks at and consumers, and not one times the other. It ends where
 *        nobody takes any more, and with `LOOKED` events and what is left of their cursor; the next look goes on there.
 */
import { type Consumer, roomOf } from "./Consumers.ts"
import type { Item } from "./Item.ts"

/** Events of a look; then no other cursor is begun. DZ3 */
export const LOOKED = 10_000

export class Takers<B> {
  /** In turn from `#first` on, and others among them that take nothing any more. */
  readonly #ring: Array<Consumer<B>> = []
  /** Those of them that had nothing when the look began, from `#idle` on. */
  readonly #without: Array<Consumer<B>> = []
  /** Who is kept for what alone. */
  readonly #kept = new Map<Item<B>, Consumer<B>>()
  #first = 0
  #idle = 0
  /** Events that may still go out, as far as consumers are concerned. */
  room = 0

  /** `all`: in turn. */
  constructor(all: ReadonlyArray<Consumer<B>>) {
    for (const one of all) this.#add(one)
  }

  #add(one: Consumer<B>): void {
    const room = roomOf(one)
    if (room === 0) return
    if (one.reserved === undefined) {
      this.#ring.push(one)
      if (one.out === 0) this.#without.push(one)
      this.room += room
    } else {
      this.#kept.set(one.reserved, one)
      if (one.out === 0) this.room++
    }
  }

  /** Whose turn it is. */
  get next(): Consumer<B> | undefined {
    for (; this.#first < this.#ring.length; this.#first++) {
      const one = this.#ring[this.#first]!
      if (this.#takes(one)) return one
    }
    return undefined
  }

  /** Whose turn it is of those that have nothing. */
  get idle(): Consumer<B> | undefined {
    for (; this.#idle < this.#without.length; this.#idle++) {
      const one = this.#without[this.#idle]!
      if (one.out === 0 && this.#takes(one)) return one
    }
    return undefined
  }

  #takes(one: Consumer<B>): boolean {
    return one.reserved === undefined && roomOf(one) > 0
  }

  /** Who is kept for it. */
  keptFor(item: Item<B>): Consumer<B> | undefined {
    return this.#kept.get(item)
  }

  /** It gets nothing but this, and whoever was kept for that takes anything again. */
  keep(one: Consumer<B>, item: Item<B>): void {
    const before = this.#kept.get(item)
    if (before === one) return
    if (before !== undefined) {
      if (before.out === 0) this.room--
      before.reserved = undefined
      this.#add(before)
    }
    this.room -= roomOf(one)
    one.reserved = item
    this.#kept.set(item, one)
    if (one.out === 0) this.room++
  }

  /** It was given one. */
  gave(one: Consumer<B>): void {
    this.room--
    if (this.#ring[this.#first] !== one) return
    this.#first++
    if (this.#takes(one)) this.#ring.push(one)
  }

  /** What one is kept for was looked at and did not go. */
  passed(item: Item<B>): void {
    const one = this.#kept.get(item)
    if (one !== undefined && one.out === 0 && item.stage === "waiting") this.room--
  }
}
