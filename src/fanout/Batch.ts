/**
 * What readers are told: events of one partition in their order, gaps, and that they are live. One object is shared by all who get the same; an
 * edge encodes it once. Pure.
 *
 *   BX2  What a batch says of its events holds for each of them: its offset, and when Herald had it.
 */
import type { Figures } from "../filters/Figures.ts"
import type { Changed } from "./Changed.ts"
import { entriesOf, skipped } from "./Rows.ts"

/**
 * Bytes of events that a batch has at most, if it is more than one event: with what is around it, it is three frames of HTTP/2, and less than a
 * transport takes in one turn.
 */
export const BATCH_BYTES = 48_896

export interface BatchParts {
  readonly partition: number
  readonly epoch: number
  /** Of the first event; of a batch without events, where it was looked from. */
  readonly first: number
  /** Events. */
  readonly count: number
  /** Everything below it has been looked at. */
  readonly next: number
  /** When Herald had the first event, milliseconds since 1970. */
  readonly at: number
  /** For events that came later than the first: in pairs, how many before it came together, and by how many milliseconds it is later. */
  readonly later?: ReadonlyArray<number> | undefined
  /** How far each event is from the one before it, the first from `first`; undefined: all follow. */
  readonly steps?: ReadonlyArray<number> | undefined
  /** Events that a slow reader was not sent before this one. */
  readonly leftOut?: number
  /** The events. BX1 */
  readonly rows: ReadonlyArray<Uint8Array>
  /** Those of them that are differences. BX30 */
  readonly changed?: ReadonlyArray<Changed>
  /** The same, compressed, in place of `rows`. */
  readonly compressed?: Uint8Array | undefined
}

const NONE: ReadonlyArray<Changed> = []

export class Batch {
  readonly kind = "batch"
  readonly partition: number
  readonly epoch: number
  readonly first: number
  readonly count: number
  readonly next: number
  readonly at: number
  readonly later: ReadonlyArray<number> | undefined
  readonly steps: ReadonlyArray<number> | undefined
  readonly leftOut: number
  readonly changed: ReadonlyArray<Changed>
  readonly compressed: Uint8Array | undefined
  /** Of its events. */
  readonly bytes: number
  #rows: ReadonlyArray<Uint8Array>
  #wire: Buffer | undefined

  constructor(parts: BatchParts) {
    this.partition = parts.partition
    this.epoch = parts.epoch
    this.first = parts.first
    this.count = parts.count
    this.next = parts.next
    this.at = parts.at
    this.later = parts.later
    this.steps = parts.steps
    this.leftOut = parts.leftOut ?? 0
    this.changed = parts.changed ?? NONE
    this.compressed = parts.compressed
    this.#rows = parts.rows
    this.bytes = parts.rows.reduce((sum, { length }) => sum + length, parts.compressed?.length ?? 0)
  }

  get rows(): ReadonlyArray<Uint8Array> {
    return this.#rows
  }

  /** What an edge made of it. */
  get wire(): Buffer | undefined {
    return this.#wire
  }

  /** Keeps what an edge made of it, in which the events are at the end: they need not be there twice. BX1 */
  set wire(bytes: Buffer) {
    this.#wire = bytes
    if (this.compressed === undefined) this.#rows = [bytes.subarray(bytes.length - this.bytes)]
  }

  /** Its events in one piece. */
  get row(): Uint8Array {
    if (this.#rows.length !== 1) this.#rows = [Buffer.concat(this.#rows, this.bytes)]
    return this.#rows[0]!
  }

  /** Each entry. */
  entries(): Iterable<Uint8Array> {
    return entriesOf(this.row)
  }

  /** What of it is not below `offset`; for batches whose events all follow, each whole. BX2 */
  from(offset: number): Batch {
    if (offset <= this.first) return this
    const skip = offset - this.first
    const { row, next, partition, epoch } = this
    const times = timesFrom(this.later, skip)
    const rows = [row.subarray(skipped(row, skip))]
    return new Batch({
      partition,
      epoch,
      next,
      rows,
      first: offset,
      count: this.count - skip,
      at: this.at + times.by,
      later: times.later
    })
  }
}

/** BX2: of a list of pairs, what is left of it after some events. */
const timesFrom = (later: ReadonlyArray<number> | undefined, skip: number) => {
  if (later === undefined) return { by: 0, later }
  let by = 0
  let left = skip
  let i = 0
  for (; i < later.length && later[i]! <= left; i += 2) {
    left -= later[i]!
    by += later[i + 1]!
  }
  const rest = later.slice(i)
  if (rest.length > 0) rest[0]! -= left
  return { by, later: rest.length === 0 ? undefined : rest }
}

/** When Herald had each of its events, milliseconds since 1970. BX2 */
export const timesOf = ({ count, at, later }: Pick<BatchParts, "count" | "at" | "later">): ReadonlyArray<number> => {
  const times: Array<number> = []
  let now = at
  for (let i = 0; i < (later?.length ?? 0); i += 2) {
    for (let n = 0; n < later![i]!; n++) times.push(now)
    now += later![i + 1]!
  }
  while (times.length < count) times.push(now)
  return times
}

/** Pairs out of times. BX2 */
export const laterOf = (times: ReadonlyArray<number>): ReadonlyArray<number> | undefined => {
  const later: Array<number> = []
  let since = 0
  for (let i = 1; i < times.length; i++)
    if (times[i] !== times[i - 1]) {
      later.push(i - since, times[i]! - times[i - 1]!)
      since = i
    }
  return later.length === 0 ? undefined : later
}

export type Why = "retention" | "corrupt" | "epoch" | "overflow" | "empty" | "unfit"

/** Events that the reader is not sent, as there are no more, or it was too slow for them. */
export interface Gap {
  readonly kind: "gap"
  readonly partition: number
  readonly epoch: number
  readonly from: number
  readonly to: number
  readonly why: Why
}

export interface Live {
  readonly kind: "live"
}
export const LIVE: Live = { kind: "live" }

/** Where each partition begins that the reader reads. */
export interface Started {
  readonly kind: "started"
  readonly places: ReadonlyArray<{ readonly partition: number; readonly epoch: number; readonly offset: number }>
}

/** What became of the events that its filter was asked about for a reader, since it was told that last. */
export interface Filtered {
  readonly kind: "filtered"
  readonly figures: Figures
}

export type Told = Batch | Gap | Live | Started | Filtered
