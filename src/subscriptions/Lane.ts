/**
 * Events that are to keep their order: those of a key, or all without one where one consumer has everything. Pure state.
 *
 *   LC1  One consumer at a time has any of it. Another gets the next when the last is answered, whoever it is meant for by then.
 *   LC2  Behind one that failed nothing goes out until it is done or among the dead letters, and that one goes out alone.
 *   LC3  What went out behind one that comes back is called back. Until its consumer has handed it in, or has left, or is out of time, nothing
 *        goes out; that it was done meanwhile is refused, as it will come again.
 */
import { type Item, insert, placeOf, remove } from "./Item.ts"

const parks = ({ attempts, stage }: Item<unknown>): boolean => attempts > 0 || stage === "dead" || stage === "buried"

export class Lane<B> {
  /** Not done, ascending. */
  readonly #items: Array<Item<B>> = []
  #out = 0
  #recalled = 0
  /** How many failed. */
  #parked = 0

  #count(item: Item<B>, by: 1 | -1): void {
    if (item.stage === "out") this.#out += by
    if (item.stage === "recalled") this.#recalled += by
    if (parks(item)) this.#parked += by
  }

  add(item: Item<B>): void {
    insert(this.#items, item)
    this.#count(item, 1)
  }

  /** It is done: true when nothing is left. */
  delete(item: Item<B>): boolean {
    remove(this.#items, item)
    this.#count(item, -1)
    return this.#items.length === 0
  }

  /** Every change of an item that is here goes through here. */
  change(item: Item<B>, change: Partial<Pick<Item<B>, "stage" | "attempts">>): void {
    this.#count(item, -1)
    Object.assign(item, change)
    this.#count(item, 1)
  }

  /** The first that is not done. */
  get first(): Item<B> | undefined {
    return this.#items[0]
  }

  /**
   * Whether one that waits may go out to the consumer of that session. Those before it that wait are asked about first; when one of them may not, it
   * may not.
   */
  mayGo(item: Item<B>, session: string): boolean {
    if (this.#recalled > 0) return false // LC3
    if (this.#parked > 0) return this.#items[0] === item && this.#out === 0 // LC2
    return this.#out === 0 || this.#holder === session // LC1
  }

  get #holder(): string | undefined {
    return this.#items[0]?.stage === "out"
      ? this.#items[0].session
      : this.#items.find(({ stage }) => stage === "out")?.session
  }

  /** Calls back what is out behind it, and says which. LC3 */
  recall({ offset }: Item<B>): ReadonlyArray<Item<B>> {
    const recalled: Array<Item<B>> = []
    for (let at = placeOf(this.#items, offset + 1); at < this.#items.length; at++) {
      const item = this.#items[at]!
      if (item.stage !== "out") continue
      this.change(item, { stage: "recalled" })
      recalled.push(item)
    }
    return recalled
  }
}
