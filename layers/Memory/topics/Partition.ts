/**
 * A partition of a topic in memory.
 *
 *   MR5  Small batches that come at the same time are one segment, so that each does not cost what a segment costs. What somebody has read of it stays as it was.
 */
import { type Batch, judge, type Known, type Outcome, remembering } from "../../../src/topics/Batch.ts"
import { withoutFirst } from "../../../src/topics/Frames.ts"
import { NO_KEY } from "../../../src/topics/Message.ts"
import type { Place } from "../../../src/topics/MessageId.ts"
import type { Bounds, PartitionId, Piece, Read, Segment } from "../../../src/topics/Piece.ts"

/** Bytes of memory of a segment, besides its events. */
const SEGMENT = 400
/** Events and bytes of a segment that small batches are folded into, and bytes of such. MR5 */
const [FOLDED_EVENTS, FOLDED_BYTES, SMALL] = [256, 4_096, 512]

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
  /** Of the newest segment, once something was folded into it. */
  #room: { readonly bytes: Uint8Array; readonly hashes: Uint16Array } | undefined

  constructor(id: PartitionId, epoch: number) {
    this.id = id
    this.epoch = epoch
    this.begun = [[epoch, 0]]
  }

  /** Bytes of memory, about: those of a segment without its events are many times those of a small event. MR1 */
  get weight(): number {
    return this.bytes + SEGMENT * this.segments.length
  }

  get bounds(): Bounds {
    const before = this.begun.slice(0, -1).map(([epoch]) => epoch)
    const { id, epoch, first, next, bytes } = this
    return { ...id, epoch, first, next, bytes, ...(before.length > 0 && { before }) }
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
    const last = this.segments.at(-1)
    if (last === undefined || !this.#fold(last, count, bytes, hashes)) {
      this.#close()
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
    }
    this.next += count
    this.bytes += bytes.length
    return base
  }

  /** Into the newest segment, where both came at the same time and are small. Whoever reads that has what it was. MR5 */
  #fold(last: Segment, count: number, bytes: Uint8Array, hashes: Uint16Array | undefined): boolean {
    const [all, length] = [last.count + count, last.bytes.length + bytes.length]
    if (bytes.length > SMALL || last.at !== this.lastAt || all > FOLDED_EVENTS || length > FOLDED_BYTES) return false
    let room = this.#room
    if (room === undefined || room.bytes.length < length) {
      room = { bytes: new Uint8Array(Math.max(512, 2 * length)), hashes: new Uint16Array(FOLDED_EVENTS).fill(NO_KEY) }
      room.bytes.set(last.bytes)
      if (last.hashes !== undefined) room.hashes.set(last.hashes)
      this.#room = room
    }
    room.bytes.set(bytes, last.bytes.length)
    if (hashes !== undefined) room.hashes.set(hashes, last.count)
    this.segments[this.segments.length - 1] = {
      ...last,
      count: all,
      bytes: room.bytes.subarray(0, length),
      hashes: last.hashes === undefined && hashes === undefined ? undefined : room.hashes.subarray(0, all)
    }
    return true
  }

  /** Nothing is folded into the newest segment any more: it keeps what it needs. */
  #close(): void {
    const last = this.segments.at(-1)
    if (this.#room === undefined || last === undefined) return
    this.#room = undefined
    this.segments[this.segments.length - 1] = { ...last, bytes: last.bytes.slice(), hashes: last.hashes?.slice() }
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
    if (this.segments.length === 0) this.#room = undefined
    for (const { bytes } of gone) this.bytes -= bytes.length
    return this.bounds
  }

  /** Ends its oldest segment. */
  shift(): void {
    const [oldest] = this.segments
    if (oldest !== undefined) this.trim(oldest.base + oldest.count)
  }
}
