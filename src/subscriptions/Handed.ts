/**
 * What consumers have and have not answered, with the time that each has for it. Pure state.
 *
 *   DI1  One lease a delivery: an answer that comes after another delivery of the same event, after its time or from somebody else is refused.
 *   DI2  The time of one behind another of its lane begins when that one is answered: its consumer can't have begun it before.
 */
import type { Cursor } from "./Cursor.ts"
import type { Item } from "./Item.ts"

export interface Handing<B> {
  readonly session: string
  readonly cursor: Cursor<B>
  readonly items: Array<Item<B>>
  open: number
}

export class Handed<B> {
  #timeout: number
  /** In the order of their ends. */
  readonly #leases = new Map<Item<B>, Cursor<B>>()
  readonly #byToken = new Map<number, Handing<B>>()

  constructor(timeoutMillis: number) {
    this.#timeout = timeoutMillis
  }

  /** Milliseconds. A shorter one counts for who is served anew: consumers that are here extend by what they were told. */
  lasts(timeoutMillis: number): void {
    this.#timeout = Math.max(this.#timeout, timeoutMillis)
  }

  /** Events that are with consumers. */
  get size(): number {
    return this.#leases.size
  }

  get(token: number): Handing<B> | undefined {
    return this.#byToken.get(token)
  }

  take(cursor: Cursor<B>, item: Item<B>, session: string, token: number, now: number): void {
    item.session = session
    item.token = token
    const handing = this.#byToken.get(token) ?? { session, cursor, items: [], open: 0 }
    this.#byToken.set(token, handing)
    handing.items.push(item)
    handing.open++
    this.extend(cursor, item, now)
  }

  extend(cursor: Cursor<B>, item: Item<B>, now: number): void {
    item.until = now + this.#timeout
    this.#leases.delete(item)
    this.#leases.set(item, cursor)
  }

  give(item: Item<B>): void {
    if (!this.#leases.delete(item)) return
    const handing = this.#byToken.get(item.token)
    if (handing !== undefined && --handing.open === 0) this.#byToken.delete(item.token)
    item.token = 0
  }

  /** The next whose time is over, if there is one. Call it until there is none. */
  late(now: number): readonly [Item<B>, Cursor<B>] | undefined {
    for (const [item, cursor] of this.#leases) {
      if (item.until > now) return undefined
      const lane = cursor.lane(item)
      if (item.stage === "recalled" || lane === undefined || lane.first === item) return [item, cursor]
      this.extend(cursor, item, now) // DI2
    }
    return undefined
  }

  /** Milliseconds; when the first is to be looked at. */
  get next(): number | undefined {
    return this.#leases.keys().next().value?.until
  }

  /** In the order of their offsets. */
  of(which: (item: Item<B>, cursor: Cursor<B>) => boolean): ReadonlyArray<readonly [Item<B>, Cursor<B>]> {
    return [...this.#leases].filter(([item, cursor]) => which(item, cursor)).sort(([a], [b]) => a.offset - b.offset)
  }
}
