/** Looks at the cursors of a subscription in turn, over as many looks as it takes to see all of them. Pure state. DZ3 in Takers.ts */
import type { Cursor } from "./Cursor.ts"
import type { Blocked, Turn } from "./Turn.ts"

/** What was seen since all cursors were looked at last. */
export interface Round {
  /** Events that stay, and those of them that stay behind others of their key. */
  held: number
  heldByLane: number
  went: number
  /** When the first of those that wait for their time is due. */
  wake: number | undefined
}

export class Rounds<B> {
  /** The cursor that is looked at first. */
  #first = 0
  /** Cursors that were not looked at yet; 0: a round begins. */
  #left = 0
  #round: Round = { held: 0, heldByLane: 0, went: 0, wake: undefined }
  #blocked: Blocked = ""

  /** Of the look that comes now. */
  get round(): Round {
    if (this.#left === 0) this.#round = { held: 0, heldByLane: 0, went: 0, wake: undefined }
    return this.#round
  }

  /** Not all was looked at. */
  get more(): boolean {
    return this.#left > 0
  }

  /** As it was when all had been looked at last. */
  get blocked(): Blocked {
    return this.#blocked
  }

  look(turn: Turn<B>, all: Iterable<Cursor<B>>): void {
    const cursors = [...all]
    const most = this.#left === 0 ? cursors.length : Math.min(this.#left, cursors.length)
    let seen = 0
    for (; seen < most && !turn.isOver; seen++) turn.look(cursors[(this.#first + seen) % cursors.length]!)
    this.#left = turn.isUseless ? 0 : most - seen
    // All in one look: another is the first of the next.
    this.#first = (this.#first + (seen === cursors.length ? 1 : seen)) % Math.max(1, cursors.length)
    if (this.#left === 0) this.#blocked = turn.blocked(cursors)
  }

  /** Nothing goes out. */
  rest(): void {
    this.#left = 0
    this.#blocked = ""
  }
}
