/** What a subscription has read to be among the dead letters, until it is. State. SQ3 in Serving.ts */
import { ByteBudget } from "../bounds/ByteBudget.ts"
import type { Cursor } from "./Cursor.ts"
import type { Letter } from "./DeadLetter.ts"
import type { Body } from "./Gathered.ts"
import type { Item } from "./Item.ts"

/** Bytes of a node, and of one subscription. SQ3 */
const [IN_ALL, OF_ONE] = [4_194_304, 2_097_152]
/** Bytes that one has beside its event, about. */
const BESIDE = 1_024

/** Of a node. */
export const letterRoom = (): ByteBudget => new ByteBudget(IN_ALL, OF_ONE)

const weightOf = ({ event }: Letter): number => Math.min(OF_ONE, event.length + BESIDE)

export class Letters {
  readonly #room: ByteBudget
  readonly #owner: string
  readonly #all = new Map<Cursor<Body>, Map<Item<Body>, Letter>>()

  /** `owner`: the subscription's id. */
  constructor(room: ByteBudget, owner: string) {
    this.#room = room
    this.#owner = owner
  }

  /** False: there is no room for it now. */
  add(item: Item<Body>, cursor: Cursor<Body>, letter: Letter): boolean {
    if (!this.#room.take(weightOf(letter), this.#owner)) return false
    const its = this.#all.get(cursor) ?? new Map()
    this.#all.set(cursor, its.set(item, letter))
    return true
  }

  of(cursor: Cursor<Body>): ReadonlyArray<Letter> {
    return [...(this.#all.get(cursor)?.values() ?? [])]
  }

  /** All that there are. */
  get items(): ReadonlyArray<Item<Body>> {
    return [...this.#all.values()].flatMap((its) => [...its.keys()])
  }

  /** They are written, or are to be read anew. */
  delete(items: ReadonlyArray<Item<Body>>): void {
    for (const item of items)
      for (const [cursor, its] of this.#all) {
        const letter = its.get(item)
        if (letter === undefined) continue
        its.delete(item)
        if (its.size === 0) this.#all.delete(cursor)
        this.#room.give(weightOf(letter), this.#owner)
        break
      }
  }

  forget(cursor: Cursor<Body>): void {
    for (const letter of this.#all.get(cursor)?.values() ?? []) this.#room.give(weightOf(letter), this.#owner)
    this.#all.delete(cursor)
  }
}
