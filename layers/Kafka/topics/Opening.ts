/**
 * Opens batches for readers and remembers some of them.
 *
 *   KZ3  Large batches are opened a few at a time, once for all who ask meanwhile. One of which only a part was read is kept, so that its rest costs neither a
 *        request nor another opening; what is kept is bounded in bytes.
 */
import { MOST_UNPACKED } from "./Codecs.ts"
import { Pieces } from "./Pieces.ts"
import type { Batch } from "./RecordBatch.ts"
import type { Sealer } from "./Sealing.ts"
import { inSteps } from "./Steps.ts"
import { type Opened, opened } from "./Unpacking.ts"

/** Of what is packed: smaller ones wait for nobody. */
const LARGE = 65_536
const AT_ONCE = 2
/** Bytes of memory of batches that are kept. The newest one is kept whatever it has. */
const MOST_KEPT = MOST_UNPACKED

interface Kept {
  readonly epoch: number
  readonly opened: Opened
}

export class Opening {
  readonly #opened: typeof opened
  /** By partition; whose was used last is last. */
  readonly #kept = new Map<string, Kept>()
  readonly #pending = new Map<string, Promise<Opened | undefined>>()
  readonly #waiting: Array<() => void> = []
  #bytes = 0
  #now = 0

  /** Batches that were opened. */
  count = 0

  /** `open`: tests have their own. */
  constructor(open = opened) {
    this.#opened = open
  }

  get bytes(): number {
    return this.#bytes
  }

  async #gated(batch: Batch, sealer: Sealer): Promise<Opened | undefined> {
    if (this.#now >= AT_ONCE) await new Promise<void>((go) => this.#waiting.push(go))
    else this.#now++
    try {
      return await this.#opened(batch, sealer)
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#now--
      else next()
    }
  }

  async #open(sealer: Sealer, batch: Batch): Promise<Opened | undefined> {
    const { signed } = batch.body
    if (signed.length < LARGE) {
      this.count++
      return await this.#opened(batch, sealer)
    }
    const key = `${sealer.partition}/${batch.base}/${batch.body.crc}`
    const pending = this.#pending.get(key)
    if (pending !== undefined) return await pending
    this.count++
    const opening = this.#gated(batch, sealer).finally(() => this.#pending.delete(key))
    this.#pending.set(key, opening)
    return await opening
  }

  /** What is kept of a partition. */
  drop(partition: string): void {
    const held = this.#kept.get(partition)
    if (held === undefined) return
    this.#bytes -= held.opened.size
    this.#kept.delete(partition)
  }

  #keep(partition: string, one: Kept): void {
    this.drop(partition)
    one.opened.keep()
    this.#kept.set(partition, one)
    this.#bytes += one.opened.size
    for (const [oldest] of this.#kept) {
      if (this.#bytes <= MOST_KEPT || oldest === partition) break
      this.drop(oldest)
    }
  }

  /** From what is kept; undefined: it begins elsewhere. */
  async rest(partition: string, epoch: number, from: number, maxBytes: number): Promise<Pieces | undefined> {
    const held = this.#kept.get(partition)
    if (held?.epoch !== epoch) return undefined
    const { base, count, at } = held.opened.about
    if (from < base || from >= base + count) return undefined
    this.#keep(partition, held)
    const pieces = new Pieces(from, maxBytes)
    await inSteps(pieces.take(held.opened.from(from), at, base + count, held.opened.isSealed))
    return pieces
  }

  /** As much of some batches as is wanted. */
  async read(
    sealer: Sealer,
    epoch: number,
    batches: ReadonlyArray<Batch>,
    from: number,
    maxBytes: number
  ): Promise<Pieces> {
    const { partition } = sealer
    const pieces = new Pieces(from, maxBytes)
    for (const batch of batches) {
      const end = batch.base + batch.count
      if (end <= pieces.next) continue
      if (pieces.isFull) break
      const its = batch.has === "records" ? await this.#open(sealer, batch) : undefined
      if (its !== undefined) {
        if (await inSteps(pieces.take(its.from(pieces.next), batch.at, end, its.isSealed))) continue
        this.#keep(partition, { epoch, opened: its })
        break
      }
      pieces.gap(Math.max(pieces.next, batch.base), "empty")
      pieces.gap(end, batch.has === "nothing" ? "empty" : "corrupt")
    }
    return pieces
  }
}
