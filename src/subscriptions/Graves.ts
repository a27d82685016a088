/** Events on their way to the dead letters. Pure state. DP3 in Dispatch.ts */
import type { Cursor } from "./Cursor.ts"
import type { DeadReason } from "./DeadLetter.ts"
import type { Item } from "./Item.ts"

export class Graves<B> {
  /** To be read and buried. */
  readonly dead = new Map<Item<B>, Cursor<B>>()
  /** Read, and not yet durable there. */
  readonly #buried = new Map<Item<B>, Cursor<B>>()

  die(cursor: Cursor<B>, item: Item<B>, why: DeadReason): void {
    item.dead = why
    if (item.stage === "waiting") cursor.unwait(item)
    cursor.change(item, { stage: "dead" })
    this.dead.set(item, cursor)
  }

  bury(item: Item<B>, version: number): void {
    const cursor = this.dead.get(item)
    if (cursor === undefined) return
    this.dead.delete(item)
    this.#buried.set(item, cursor)
    cursor.bury(item, version)
  }

  unbury(item: Item<B>, version: number): void {
    const cursor = this.#buried.get(item)
    if (cursor === undefined) return
    this.#buried.delete(item)
    this.dead.set(item, cursor)
    cursor.unbury(item, version)
  }

  /** Those that are durable with this version. */
  kept(version: number): ReadonlyArray<Item<B>> {
    const settled: Array<Item<B>> = []
    for (const [item, cursor] of this.#buried) {
      if (item.version > version) continue
      this.#buried.delete(item)
      cursor.settle(item)
      settled.push(item)
    }
    return settled
  }

  forget(item: Item<B>): void {
    this.dead.delete(item)
    this.#buried.delete(item)
  }
}
