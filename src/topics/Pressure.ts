/**
 * What of each partition publishers of this node wait for. Pure state.
 *
 *   PW1  A partition has an entry only while something of it is under way: it is as bounded as that is.
 */
import { type PartitionId, partitionKey } from "./Piece.ts"

export interface Waits {
  readonly batches: number
  readonly bytes: number
  /** Milliseconds since one of its batches was answered, or the first of these came. */
  readonly millis: number
}

export interface Pressed extends PartitionId, Waits {
  /** The topic's name. */
  readonly name: string
}

interface Entry {
  readonly id: PartitionId
  readonly name: string
  batches: number
  bytes: number
  since: number
}

export class Pressure {
  readonly #entries = new Map<string, Entry>()
  readonly #now: () => number
  bytes = 0

  /** `now`: milliseconds. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** A batch waits from now on. Call what this returns once, when it was answered. PW1 */
  begin(id: PartitionId, name: string, bytes: number): () => void {
    const key = partitionKey(id)
    const entry = this.#entries.get(key) ?? { id, name, batches: 0, bytes: 0, since: this.#now() }
    this.#entries.set(key, entry)
    entry.batches++
    entry.bytes += bytes
    this.bytes += bytes
    return () => {
      entry.batches--
      entry.bytes -= bytes
      this.bytes -= bytes
      entry.since = this.#now()
      if (entry.batches === 0) this.#entries.delete(key)
    }
  }

  of(id: PartitionId): Waits {
    const entry = this.#entries.get(partitionKey(id))
    return entry === undefined ? { batches: 0, bytes: 0, millis: 0 } : this.#waits(entry)
  }

  get all(): ReadonlyArray<Pressed> {
    return [...this.#entries.values()].map((entry) => ({ ...entry.id, name: entry.name, ...this.#waits(entry) }))
  }

  #waits({ batches, bytes, since }: Entry): Waits {
    return { batches, bytes, millis: Math.max(0, this.#now() - since) }
  }
}
