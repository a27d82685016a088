/**
 * Reads what readers of topics are told as market data.
 *
 *   MZ2  An event is decoded once on a node, however many listen, and what all readers of a group are told is one object. What is no tick is counted, and told
 *        to nobody.
 *   MZ5  What was decoded is kept while it is new: so much as one round of sending needs, bounded in events and in bytes, however much the topics keep. It
 *        is found by its place and its bytes, and holds nothing of the batch that it came in. What is longer than a tick may be isn't looked at.
 */
import type { Batch } from "../fanout/Batch.ts"
import { eventsOf } from "../fanout/Picking.ts"
import { eventIn } from "../fanout/Rows.ts"
import { messageOf } from "../topics/Message.ts"
import { LONGEST_TICK, readTick } from "./ReadTick.ts"
import type { Tick } from "./Tick.ts"

export interface Told {
  readonly tick: Tick
  readonly offset: number
}

/** Of one partition. One object is shared by all who are told the same. */
export interface Data {
  readonly kind: "data"
  readonly topic: string
  readonly partition: number
  readonly epoch: number
  /** Everything below it was looked at. */
  readonly next: number
  /** Events that a slow listener was not told before. */
  readonly leftOut: number
  /** When Herald had the first, milliseconds since 1970. */
  readonly at: number
  readonly ticks: ReadonlyArray<Told>
  /** Who listens and was told of it, and when the first was, milliseconds since 1970. */
  readonly notified: { count: number; at: number }
}

/** MZ5 */
export const BATCHES = 64
export const EVENTS = 8_192
/** Of events, and of what is made of them. */
export const BYTES = 16_777_216
/** What one is counted as besides twice its bytes: once as they are, once as what was made of them. */
const BESIDE = 256

interface Kept {
  readonly payload: Uint8Array
  /** False: it is no tick. */
  readonly told: Told | false
}

export class Decoding {
  readonly #skipped: () => void
  /** By topic and place, oldest first. */
  readonly #ticks = new Map<string, Kept>()
  #bytes = 0
  readonly #data = new WeakMap<Batch, Data>()
  readonly #batches: Array<WeakRef<Batch>> = []

  /** Events that are kept, and bytes that they count as. MZ5 */
  get size(): { readonly events: number; readonly bytes: number } {
    return { events: this.#ticks.size, bytes: this.#bytes }
  }

  constructor(skipped: () => void) {
    this.#skipped = skipped
  }

  /** MZ2 */
  of(topic: string, batch: Batch): Data {
    const known = this.#data.get(batch)
    if (known !== undefined) return known
    const { partition, epoch, next, leftOut, at } = batch
    const ticks: Array<Told> = []
    for (const { entry, offset } of eventsOf(batch)) {
      const one = this.#tick(`${topic} ${partition} ${epoch} ${offset}`, entry, offset)
      if (one !== false) ticks.push(one)
    }
    const data: Data = {
      kind: "data",
      topic,
      partition,
      epoch,
      next,
      leftOut,
      at,
      ticks,
      notified: { count: 0, at: 0 }
    }
    this.#data.set(batch, data)
    // Readers hold a batch for as long as they need it.
    if (this.#batches.push(new WeakRef(batch)) > BATCHES) {
      const oldest = this.#batches.shift()?.deref()
      if (oldest !== undefined) this.#data.delete(oldest)
    }
    return data
  }

  #tick(place: string, entry: Uint8Array, offset: number): Told | false {
    const { payload } = messageOf(eventIn(entry))
    const isLong = payload.length > LONGEST_TICK
    const known = this.#ticks.get(place)
    if (known !== undefined && (isLong ? known.payload.length === 0 : same(known.payload, payload))) return known.told
    const tick = isLong ? "too long" : readTick(payload)
    const told = typeof tick === "string" ? false : { tick, offset }
    if (told === false) this.#skipped()
    this.#keep(place, { payload: isLong ? NOTHING : Uint8Array.from(payload), told })
    return told
  }

  #keep(place: string, kept: Kept): void {
    this.#forget(place)
    this.#ticks.set(place, kept)
    this.#bytes += weightOf(kept)
    while (this.#ticks.size > EVENTS || this.#bytes > BYTES) this.#forget(this.#ticks.keys().next().value!)
  }

  #forget(place: string): void {
    const kept = this.#ticks.get(place)
    if (kept === undefined) return
    this.#ticks.delete(place)
    this.#bytes -= weightOf(kept)
  }
}

const NOTHING = new Uint8Array(0)
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
const weightOf = ({ payload }: Kept): number => 2 * payload.length + BESIDE
