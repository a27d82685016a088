/**
 * Holds hints that came ahead of their turn. Pure state.
 *
 *   ER1  Held by position, and only of the history that the view follows; at most `AHEAD` commits before their turn and
 *        `maxBytes` in all. What is not held is read from the log.
 */
import { Weighed } from "../bounds/Weighed.ts"
import { isNewer, type Position, positionKey } from "./Position.ts"
import type { Revision } from "./Revision.ts"

/** Commits. */
const AHEAD = 1_024n

export class Early {
  readonly #bytesOf: (revision: Revision) => number
  readonly #maxBytes: number
  readonly #held: Weighed<Revision>

  constructor(bytesOf: (revision: Revision) => number, maxBytes: number) {
    this.#bytesOf = bytesOf
    this.#maxBytes = maxBytes
    this.#held = new Weighed(bytesOf)
  }

  get size(): number {
    return this.#held.size
  }

  /** `view`: the position of the view. */
  hold(revision: Revision, view: Position): void {
    const id = positionKey(revision)
    if (!isNewer(revision, view) || revision.revision - view.revision > AHEAD) return
    if (this.#held.get(id) !== undefined || this.#held.bytes + this.#bytesOf(revision) > this.#maxBytes) return
    this.#held.set(id, revision)
  }

  /** Takes out the revision that follows the view's position, if it is here. */
  next({ epoch, revision }: Position): Revision | undefined {
    return this.#held.delete(positionKey({ epoch, revision: revision + 1n }))
  }

  /** Forgets what the view has applied, and what is of another history. */
  prune(view: Position): void {
    for (const revision of this.#held.values()) if (!isNewer(revision, view)) this.#held.delete(positionKey(revision))
  }
}
