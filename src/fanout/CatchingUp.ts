/**
 * Sends a reader that is not live what it lacks: from the ring, in the batches that all share, or from the log.
 *
 *   BX14 Who is slow is given what its overflow says: everything; the newest of each key; what the ring has; or its leave. Nobody is slow before it
 *        was told that it is live.
 *   BX15 What comes packed from the log goes on as it is, to whoever takes it and is at its beginning.
 *   BX36 Who catches up is sent and looks at a bound of bytes in one turn, and goes on in the next; between two events that a filter looks at, others
 *        have a turn.
 *   BX37 Who becomes live knows how far it is, also where nothing was taken of what came last.
 *   BX10, BX12 in Broadcast.ts
 */
import { sumOf } from "../filters/Figures.ts"
import type { Place } from "../topics/MessageId.ts"
import { type Batch, type Gap, LIVE } from "./Batch.ts"
import type { Counted } from "./Group.ts"
import { batchOf, conflated, eventsOf, type Picked } from "./Picking.ts"
import { filteredOf, type Overflow, type Reader } from "./Reader.ts"
import type { Ring } from "./Ring.ts"
import type { Stages } from "./Stages.ts"

/** Bytes of the ring that are looked through for the newest of each key at once. */
const CONFLATED = 2_097_152
/** Bytes of a batch of those. */
const MESSAGE = 49_152
/** Bytes of one turn, of which filters may take few. BX36 */
const LOOKED = 262_144

/** What the log has from where it was asked for. */
export interface Answer {
  readonly epoch: number
  /** In order; none: nothing more. */
  readonly pieces: ReadonlyArray<Batch | Gap>
}

export interface CatchingUpOptions {
  /** The log is to be read for a reader from there on; it is answered or failed once. */
  readonly ask: (reader: Reader, partition: number, from: Place, packed: boolean) => void
  /** To how many readers, and how many events that is together. */
  readonly delivered: (readers: number, events: number) => void
  readonly leftOut: (events: number, overflow: Overflow) => void
}

export class CatchingUp {
  readonly #rings: ReadonlyMap<number, Ring>
  readonly #stages: Stages
  readonly #options: CatchingUpOptions

  constructor(rings: ReadonlyMap<number, Ring>, stages: Stages, options: CatchingUpOptions) {
    this.#rings = rings
    this.#stages = stages
    this.#options = options
  }

  /** Sends what the ring has of what it lacks, as far as it takes it; when it lacks nothing it is live. BX12, BX36 */
  *advance(reader: Reader): Generator<void, void> {
    const { partitions } = reader.group
    if (!reader.isStarted && !this.#start(reader)) return this.#stages.after(reader, false)
    let ahead = false
    let looked = 0
    for (let i = 0; i < partitions.length; i++) {
      const ring = this.#rings.get(partitions[i]!)
      if (ring === undefined) {
        ahead = true
        continue
      }
      if (ring.epoch !== reader.epochs![i]) return this.#ask(reader, i)
      while (reader.at![i]! < ring.sent) {
        if (looked >= LOOKED) return this.#stages.again(reader, "ready")
        const at = reader.at![i]!
        const batch = ring.at(at)
        if (batch === undefined) {
          if (!this.#outOfRing(reader, i, ring)) return
        } else if (isConflating(reader)) {
          const batches = this.#ofRing(at, ring)
          for (const { bytes } of batches) looked += bytes
          if (!(yield* this.#newest(reader, i, batches))) return this.#stages.after(reader, false)
        } else {
          looked += batch.bytes
          if (!(yield* this.#send(reader, i, batch))) return this.#stages.after(reader, false)
        }
      }
      if (reader.at![i]! > ring.sent || (reader.until?.[i] ?? 0) > ring.sent) ahead = true
    }
    if (ahead) return this.#stages.again(reader, "ahead")
    if (!this.#tellUntold(reader)) return this.#stages.after(reader, false)
    const isNew = reader.until !== undefined
    if (isNew && reader.counted.looked > 0 && !this.#stages.write(reader, filteredOf(reader)))
      return this.#stages.after(reader, false)
    reader.until = undefined
    reader.isSlow = false
    if (isNew && !this.#stages.write(reader, LIVE)) return this.#stages.after(reader, false)
    this.#stages.live(reader)
  }

  /** BX37 */
  #tellUntold(reader: Reader): boolean {
    const { untold, group } = reader
    if (untold === undefined) return true
    reader.untold = undefined
    let room = true
    for (const index of untold) {
      const [partition, epoch, at] = [group.partitions[index]!, reader.epochs![index]!, reader.at![index]!]
      room = this.#stages.write(reader, batchOf({ partition, epoch, first: at, next: at }, []))
      if (reader.stage === "over") return false
    }
    return room
  }

  #start(reader: Reader): boolean {
    const { group, at, epochs } = reader
    reader.isStarted = true
    const places = group.partitions.map((partition, i) => ({ partition, epoch: epochs![i]!, offset: at![i]! }))
    return this.#stages.write(reader, { kind: "started", places })
  }

  /** The log answered for a reader. BX36 */
  *answer(reader: Reader, partition: number, { epoch, pieces }: Answer): Generator<void, void> {
    if (reader.stage !== "reading") return
    const index = reader.group.indexOf(partition)
    if (pieces.length === 0) return this.#atEnd(reader, index, epoch)
    const room = yield* isConflating(reader)
      ? this.#conflating(reader, index, pieces)
      : this.#giving(reader, index, pieces)
    this.#stages.after(reader, room)
  }

  /** Nothing more is known; what the ring has beyond it is looked for again later. */
  #atEnd(reader: Reader, index: number, epoch: number): void {
    reader.epochs![index] = epoch
    const ring = this.#rings.get(reader.group.partitions[index]!)
    const lacks = ring === undefined || ring.epoch !== epoch || reader.at![index]! < ring.sent
    this.#stages.again(reader, lacks ? "ahead" : "ready")
  }

  *#giving(reader: Reader, index: number, pieces: Answer["pieces"]): Generator<void, boolean> {
    for (const piece of pieces) {
      const at = reader.at![index]!
      if (piece.kind === "gap") {
        if (!this.#gap(reader, index, piece)) return false
      } else if (piece.epoch === reader.epochs![index] && piece.next > at && piece.first <= at) {
        if (piece.compressed !== undefined && piece.first < at) {
          reader.aligned = undefined // BX15: it is asked for as it is
          return true
        }
        reader.aligned = [index, piece.next]
        if (!(yield* this.#send(reader, index, piece))) return false
      }
    }
    return true
  }

  /** Sends a batch from where the reader is; false: it can't take more, or is over. */
  *#send(reader: Reader, index: number, batch: Batch): Generator<void, boolean> {
    const { group } = reader
    const part = batch.from(reader.at![index]!)
    const made = yield* group.made(part, false, countedFor(reader))
    if (reader.stage === "over") return false
    reader.at![index] = part.next
    if (made.count === 0) {
      reader.untold ??= new Set()
      reader.untold.add(index)
      return true
    }
    reader.untold?.delete(index)
    this.#options.delivered(1, made.count)
    return this.#stages.write(reader, made)
  }

  /** The ring does not have what it lacks. False: it has to wait, or is over. BX14 */
  #outOfRing(reader: Reader, index: number, ring: Ring): boolean {
    const { overflow, isSlow } = reader
    if (isSlow && overflow === "disconnect") this.#stages.dismiss(reader)
    else if (isSlow && overflow === "drop oldest") {
      const [from, to] = [reader.at![index]!, Math.min(ring.first, ring.sent)]
      const { partition, epoch } = ring
      this.#options.leftOut(to - from, overflow)
      if (this.#gap(reader, index, { kind: "gap", partition, epoch, from, to, why: "overflow" })) return true
      this.#stages.after(reader, false)
    } else this.#ask(reader, index)
    return false
  }

  #ask(reader: Reader, index: number): void {
    const place = { epoch: reader.epochs![index]!, offset: reader.at![index]! }
    const { group, unpacks, aligned } = reader
    const isWhole = group.selection === undefined && !group.delta
    const packed = unpacks && isWhole && aligned?.[0] === index && aligned[1] === place.offset
    reader.stage = "reading"
    this.#options.ask(reader, group.partitions[index]!, place, packed && !isConflating(reader))
  }

  #gap(reader: Reader, index: number, gap: Gap): boolean {
    reader.untold?.delete(index)
    reader.at![index] = gap.to
    reader.epochs![index] = gap.epoch
    if (gap.why === "epoch" && reader.until !== undefined) reader.until[index] = 0
    return this.#stages.write(reader, gap)
  }

  #ofRing(from: number, ring: Ring): ReadonlyArray<Batch> {
    const all: Array<Batch> = []
    for (let [next, bytes] = [from, 0]; next < ring.sent && bytes < CONFLATED; ) {
      const batch = ring.at(next)!
      all.push(batch)
      bytes += batch.bytes
      next = batch.next
    }
    return all
  }

  *#conflating(reader: Reader, index: number, pieces: Answer["pieces"]): Generator<void, boolean> {
    let run: Array<Batch> = []
    for (const piece of pieces) {
      if (piece.kind === "batch") {
        if (piece.epoch === reader.epochs![index] && piece.next > reader.at![index]!) run.push(piece)
        continue
      }
      if (!(yield* this.#newest(reader, index, run)) || !this.#gap(reader, index, piece)) return false
      run = []
    }
    return yield* this.#newest(reader, index, run)
  }

  /** The newest of each key of batches that follow each other. BX7, BX14 */
  *#newest(reader: Reader, index: number, batches: ReadonlyArray<Batch>): Generator<void, boolean> {
    if (batches.length === 0) return true
    const first = reader.at![index]!
    const all: Array<Picked> = []
    for (const batch of batches) {
      for (const one of eventsOf(yield* reader.group.chosen(batch.from(first), false, countedFor(reader))))
        all.push(one)
      yield
    }
    if (reader.stage === "over") return false
    const { partition, epoch, next } = batches.at(-1)!
    for (const batch of conflated({ partition, epoch, first, next }, all, MESSAGE)) {
      reader.at![index] = batch.next
      if (batch.leftOut > 0) this.#options.leftOut(batch.leftOut, "conflate")
      if (batch.count === 0) {
        reader.untold ??= new Set()
        reader.untold.add(index)
        continue
      }
      reader.untold?.delete(index)
      this.#options.delivered(1, batch.count)
      if (!this.#stages.write(reader, batch)) return false
    }
    return true
  }
}

/** BX41 */
const countedFor = (reader: Reader): Counted => {
  return (figures) => {
    reader.counted = sumOf(reader.counted, figures)
  }
}

const isConflating = ({ isSlow, overflow }: Reader): boolean => isSlow && overflow === "conflate"
