/** A partition of a topic in memory. */
import { type Batch, judge, type Known, type Outcome, remembering } from "../../../src/topics/Batch.ts"
import { withoutFirst } from "../../../src/topics/Frames.ts"
import type { Place } from "../../../src/topics/MessageId.ts"
import type { Bounds, PartitionId, Piece, Read, Segment } from "../../../src/topics/Piece.ts"

export class Partition {
  readonly id: PartitionId
  epoch: number
  first = 0
  next = 0
  bytes = 0
  /** Milliseconds since 1970, of the newest. */
  lastAt = 0
  /** In order; the first may begin before `first`. */
  segments: Array<Segment> = []
  /** Epochs and the offsets that they began with. */
  readonly begun: Array<readonly [epoch: number, offset: number]>
  readonly known = new Map<string, Known>()

  constructor(id: PartitionId, epoch: number) {
    this.id = id
    this.epoch = epoch
    this.begun = [[epoch, 0]]
  }

  get bounds(): Bounds {
    return { ...this.id, epoch: this.epoch, first: this.first, next: this.next, bytes: this.bytes }
  }

  /** `epoch`: the one that the batch's producer has; undefined: nobody opened it. */
  append({ events, producing }: Batch, epoch: number | undefined, now: number): Outcome {
    if (producing === undefined) return this.#placed([], this.#store(events, now), events.count)
    const held = this.known.get(producing.producer)
    const known: Known | undefined = epoch === undefined ? undefined : { sequence: 0, runs: [], ...held, epoch }
    const found = judge(known, producing, events.count)
    if (found.is !== "fresh") return found
    const rest = withoutFirst(events, found.skip)
    if (rest.count === 0) return { is: "placed", epoch: this.epoch, placed: found.there, at: this.lastAt }
    const offset = this.#store(rest, now)
    const run = { first: producing.sequence + found.skip, count: rest.count, offset }
    this.known.delete(producing.producer) // so that they are in the order in which they were heard of
    this.known.set(producing.producer, remembering(known!, run))
    return this.#placed(found.there, offset, rest.count)
  }

  #placed(there: Extract<Outcome, { is: "placed" }>["placed"], offset: number, count: number): Outcome {
    return { is: "placed", epoch: this.epoch, placed: [...there, { offset, count, duplicate: false }], at: this.lastAt }
  }

  #store({ count, bytes, hashes }: Batch["events"], now: number): number {
    const base = this.next
    this.lastAt = Math.max(this.lastAt, now)
    // A copy: what is stored is nobody else's.
    this.segments.push({
      is: "segment",
      base,
      count,
      at: this.lastAt,
      codec: "none",
      bytes: bytes.slice(),
      hashes: hashes?.slice()
    })
    this.next += count
    this.bytes += bytes.length
    return base
  }

  /** Where the segment stands that holds `offset`, or the first behind it. */
  #indexOf(offset: number): number {
    let [low, high] = [0, this.segments.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      const { base, count } = this.segments[middle]!
      if (base + count <= offset) low = middle + 1
      else high = middle
    }
    return low
  }

  read({ epoch, offset }: Place, maxBytes: number): Read {
    const start = this.#startOf(epoch, Math.min(offset, this.next))
    const pieces: Array<Piece> = []
    if (epoch !== this.epoch) pieces.push({ is: "gap", from: offset, to: start, why: "epoch" })
    if (start < this.first) pieces.push({ is: "gap", from: start, to: this.first, why: "retention" })
    let next = Math.max(start, this.first)
    let bytes = 0
    for (let at = this.#indexOf(next); at < this.segments.length && (bytes === 0 || bytes < maxBytes); at++) {
      const segment = this.segments[at]!
      pieces.push(segment)
      bytes += segment.bytes.length
      next = segment.base + segment.count
    }
    return { epoch: this.epoch, pieces, next }
  }

  /** From where somebody reads on who was in another epoch. */
  #startOf(epoch: number, offset: number): number {
    if (epoch === this.epoch) return offset
    const at = this.begun.findIndex(([one]) => one === epoch)
    return at < 0 ? 0 : Math.min(offset, ...this.begun.slice(at + 1).map(([, began]) => began))
  }

  find(time: number): Place {
    let [low, high] = [0, this.segments.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.segments[middle]!.at < time) low = middle + 1
      else high = middle
    }
    const found = this.segments[low]
    return { epoch: this.epoch, offset: found === undefined ? this.next : Math.max(found.base, this.first) }
  }

  trim(before: number): Bounds {
    this.first = Math.max(this.first, Math.min(before, this.next))
    const gone = this.segments.splice(0, this.#indexOf(this.first))
    for (const { bytes } of gone) this.bytes -= bytes.length
    return this.bounds
  }

  /** Ends its oldest segment. */
  shift(): void {
    const [oldest] = this.segments
    if (oldest !== undefined) this.trim(oldest.base + oldest.count)
  }
}
