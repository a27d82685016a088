/** What of a subscription is written, and what that means for who waits for it. State. SQ2, SQ3 in Serving.ts */
import type { ByteBudget } from "../bounds/ByteBudget.ts"
import type { Cursor } from "./Cursor.ts"
import type { Letter } from "./DeadLetter.ts"
import type { Dispatch } from "./Dispatch.ts"
import { Floors } from "./Floors.ts"
import type { Body, Gathered } from "./Gathered.ts"
import type { Item } from "./Item.ts"
import { Letters } from "./Letters.ts"
import { Receipts } from "./Receipts.ts"
import type { SavedCursor } from "./SavedCursor.ts"

export interface SavingOptions {
  /** The subscription's. */
  readonly id: string
  /** Of the node, for dead letters. SQ3 */
  readonly room: ByteBudget
  /** Milliseconds from the machine's clock to those since 1970. */
  readonly skew: () => number
}

/** With its times as another clock has them, so many milliseconds later. */
export const moved = (saved: SavedCursor, by: number): SavedCursor =>
  by === 0 || saved.failed.length === 0
    ? saved
    : { ...saved, failed: saved.failed.map((one) => ({ ...one, due: one.due === 0 ? 0 : one.due + by })) }

export class Saving {
  readonly floors = new Floors()
  readonly receipts = new Receipts()
  readonly #machine: Dispatch<Body>
  readonly #id: string
  readonly #skew: () => number
  readonly #letters: Letters
  readonly #written = new Map<Cursor<Body>, number>()

  constructor(machine: Dispatch<Body>, { id, room, skew }: SavingOptions) {
    this.#machine = machine
    this.#id = id
    this.#skew = skew
    this.#letters = new Letters(room, id)
  }

  forget(cursor: Cursor<Body>): void {
    this.#letters.forget(cursor)
    this.#written.delete(cursor)
    this.floors.delete(cursor)
  }

  /** It is written with the state that is saved next. False: there is no room for it now. SQ3 */
  bury(item: Item<Body>, cursor: Cursor<Body>, letter: Letter): boolean {
    if (!this.#letters.add(item, cursor, letter)) return false
    this.#machine.bury(item)
    return true
  }

  /** No more of its dead letters are kept. */
  full(): void {
    this.#machine.status = "error"
    this.#machine.reason = "it has as many dead letters as may be"
    const { items } = this.#letters
    this.#letters.delete(items)
    for (const item of items) this.#machine.graves.unbury(item, ++this.#machine.version)
  }

  #isDirty(cursor: Cursor<Body>): boolean {
    return cursor.version > (this.#written.get(cursor) ?? 0)
  }

  get isDirty(): boolean {
    for (const cursor of this.#machine.cursors) if (this.#isDirty(cursor)) return true
    return false
  }

  /** `tokenOf`: of a share; undefined: it is not held. `clean`: those of which nothing is under way, and which are given up. */
  gather(tokenOf: (share: number) => bigint | undefined, clean: ReadonlySet<number>): Gathered {
    // A state that was written already would not be written again.
    const version = clean.size === 0 ? this.#machine.version : ++this.#machine.version
    const cursors = [...this.#machine.cursors].filter(
      (cursor) => clean.has(cursor.share) || (this.#isDirty(cursor) && tokenOf(cursor.share) !== undefined)
    )
    const flushes = cursors.map((cursor) => ({
      ...{ id: this.#id, slice: cursor.slice, token: tokenOf(cursor.share)!, version },
      ...{ saved: moved(cursor.save(clean.has(cursor.share)), this.#skew()), letters: this.#letters.of(cursor) }
    }))
    return { version, flushes, cursors, marks: new Map(cursors.map((cursor) => [cursor, cursor.mark])) }
  }

  /** It is not sure whether it was written as given up, and it goes on: nothing of it goes out before it is written anew. WO4 */
  unsure({ flushes, cursors }: Gathered): void {
    for (const [place, cursor] of cursors.entries()) {
      const { saved } = flushes[place]!
      const mark = saved.clean ? saved.floor : saved.mark
      if (!this.#machine.cursors.has(cursor) || mark >= cursor.durableMark) continue
      cursor.durableMark = mark
      cursor.version = ++this.#machine.version
    }
  }

  /** All of it was written. */
  kept({ version, flushes, cursors, marks }: Gathered): void {
    for (const [place, cursor] of cursors.entries()) {
      if (!this.#machine.cursors.has(cursor)) continue
      this.#written.set(cursor, version)
      this.floors.set(cursor, flushes[place]!.saved.floor)
    }
    this.#letters.delete(this.#machine.kept(version, marks))
    this.receipts.kept(version)
  }
}
