/**
 * Reads what readers of topics are told as market data.
 *
 *   MZ2  An event is decoded once on a node, however many listen, and what all readers of a group are told is one object. What is no tick is counted, and told
 *        to nobody.
 *   MZ5  What was decoded is kept while it is new: so much as one round of sending needs, however much the topics keep.
 */
import type { Batch } from "../fanout/Batch.ts"
import { eventIn } from "../fanout/Rows.ts"
import { messageOf } from "../topics/Message.ts"
import { readTick } from "./ReadTick.ts"
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
}

const offsetsOf = ({ first, count, steps }: Batch): ReadonlyArray<number> => {
  let at = first
  return Array.from({ length: count }, (_, n) => {
    at += steps === undefined ? (n === 0 ? 0 : 1) : steps[n]!
    return at
  })
}

/** MZ5 */
const BATCHES = 64
const EVENTS = 8_192

/** Puts it in, and the oldest out. */
const keep = <K, V>(known: Map<K, V>, key: K, value: V, most: number): void => {
  known.set(key, value)
  if (known.size > most) known.delete(known.keys().next().value!)
}

export class Decoding {
  readonly #skipped: () => void
  /** By an event's bytes; false: it is no tick. */
  readonly #ticks = new Map<Uint8Array, Told | false>()
  readonly #batches = new Map<Batch, Data>()

  /** Events that are kept. MZ5 */
  get size(): number {
    return this.#ticks.size
  }

  constructor(skipped: () => void) {
    this.#skipped = skipped
  }

  /** MZ2 */
  of(topic: string, batch: Batch): Data {
    const known = this.#batches.get(batch)
    if (known !== undefined) return known
    const { partition, epoch, next, leftOut, at, count, rows } = batch
    const offsets = offsetsOf(batch)
    // Rows of one event each are the same objects for all groups.
    const entries = rows.length === count ? rows : [...batch.entries()]
    const ticks: Array<Told> = []
    for (const [n, entry] of entries.entries()) {
      const one = this.#tick(entry, offsets[n]!)
      if (one !== false) ticks.push(one)
    }
    const data: Data = { kind: "data", topic, partition, epoch, next, leftOut, at, ticks }
    keep(this.#batches, batch, data, BATCHES)
    return data
  }

  #tick(entry: Uint8Array, offset: number): Told | false {
    const known = this.#ticks.get(entry)
    if (known !== undefined) return known
    const tick = readTick(messageOf(eventIn(entry)).payload)
    const made = typeof tick === "string" ? false : { tick, offset }
    if (made === false) this.#skipped()
    keep(this.#ticks, entry, made, EVENTS)
    return made
  }
}
