/**
 * Keeps the newest revisions, one copy for all feeds. Pure state.
 *
 *   RX1  They are of one history, without gaps; at most `ENTRIES` and `BYTES` of them, the oldest go first. What is not here is in the log.
 */
import { isNext, type Position, sameEpoch } from "../propagation/Position.ts"
import type { Revision } from "../propagation/Revision.ts"

const ENTRIES = 1_024
const BYTES = 16 * 1_048_576
/** About how many bytes of memory a change takes besides its texts. */
const OVERHEAD = 500

const bytesOf = ({ changes }: Revision): number => {
  let bytes = OVERHEAD
  for (const change of changes) {
    bytes += OVERHEAD
    // Of a character: two bytes in the change; in each of two forms, two in the text that was written of it and three as it is sent.
    for (const part of Object.values(change)) if (typeof part === "string") bytes += 12 * part.length
  }
  return bytes
}

export class Recent {
  #held: Array<{ readonly revision: Revision; readonly bytes: number }> = []
  #bytes = 0

  get newest(): Position | undefined {
    return this.#held.at(-1)?.revision
  }

  push(revision: Revision): void {
    if (this.newest !== undefined && !isNext(revision, this.newest)) this.clear()
    const bytes = bytesOf(revision)
    this.#held.push({ revision, bytes })
    this.#bytes += bytes
    let gone = 0
    while (this.#held.length - gone > ENTRIES || (this.#bytes > BYTES && gone < this.#held.length - 1))
      this.#bytes -= this.#held[gone++]!.bytes
    if (gone > 0) this.#held.splice(0, gone) // RX1
  }

  clear(): void {
    this.#held = []
    this.#bytes = 0
  }

  /** Revisions after `position`, at most `limit`; undefined when some of them are not here. */
  after(position: Position, limit: number): ReadonlyArray<Revision> | undefined {
    const first = this.#held[0]?.revision
    if (first === undefined || !sameEpoch(first, position)) return undefined
    const skipped = Number(position.revision - first.revision + 1n)
    if (skipped < 0) return undefined
    return this.#held.slice(skipped, skipped + limit).map(({ revision }) => revision)
  }
}
