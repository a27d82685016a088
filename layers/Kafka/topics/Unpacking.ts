/**
 * Opens batches of records: unpacks them, and walks from record to record.
 *
 *   KR1  A batch whose bytes are not what was written, by its CRC-32C, or that can't be unpacked in bounds, is told as such, with its offsets; so is what
 *        follows the last record that can be read.
 *   KR6  Records are walked as far as somebody wants them, in steps: what millions of them cost is nobody else's time, and no memory.
 */
import { crc32c, Reader } from "./Bytes.ts"
import { unpacked } from "./Codecs.ts"
import type { Batch } from "./RecordBatch.ts"
import { isSealed, type Sealer } from "./Sealing.ts"
import { inSteps, type Steps } from "./Steps.ts"

/** Bytes whose checksum is made in a step. */
const SUMMED = 262_144
/** Records that are walked in a step, and bytes of them; each so many records it is remembered where they are. */
const [WALKED, WALKED_BYTES] = [1_024, 65_536] as const
const LANDMARK = 8_192
/** Bytes of one that is kept, beside its records. */
const KEPT = 512

function* sumOf(bytes: Buffer): Steps<number> {
  let sum = 0
  for (let at = 0; at < bytes.length; at += SUMMED) {
    if (at > 0) yield
    sum = crc32c(bytes.subarray(at, at + SUMMED), sum)
  }
  return sum
}

/** Where a record begins, what its offset must be behind, and how many there are from it on. */
interface Landmark {
  readonly at: number
  readonly behind: number
  readonly left: number
}

/** A record as it is stored, behind its length. */
export interface Walked {
  readonly offset: number
  readonly record: Buffer
}

/** The records of a batch, unpacked. */
export class Opened {
  /** Without its body: that would hold whatever it came with. */
  readonly about: Pick<Batch, "base" | "count" | "at">
  /** Herald wrote it: KS1. */
  readonly isSealed: boolean
  #plain: Buffer
  readonly #landmarks: Array<Landmark>

  constructor({ base, count, at, body }: Batch, plain: Buffer, isSealed: boolean) {
    this.isSealed = isSealed
    this.about = { base, count, at }
    this.#plain = plain
    this.#landmarks = [{ at: 0, behind: base - 1, left: body.records }]
  }

  /** Bytes of memory that it holds. */
  get size(): number {
    return KEPT + this.#plain.buffer.byteLength
  }

  /** It stays longer than what it came with: what was not packed is a part of that. */
  keep(): void {
    if (this.#plain.buffer.byteLength === this.#plain.length) return
    const own = Buffer.from(new ArrayBuffer(this.#plain.length))
    this.#plain.copy(own)
    this.#plain = own
  }

  /** Those from an offset on; undefined: a step is over. Throws `RangeError` behind the last that can be read. KR6 */
  *from(offset: number): Generator<Walked | undefined, void, undefined> {
    const { base, count } = this.about
    const landmark = this.#landmarks.findLast(({ behind }) => behind < offset) ?? this.#landmarks[0]!
    const reader = new Reader(this.#plain)
    reader.at = landmark.at
    let { behind, left } = landmark
    // The smallest record has seven bytes, and its length one.
    if (left < 0 || left * 7 > reader.left) throw new RangeError("there are fewer records than it says")
    let walked = 0
    for (; left > 0; left--) {
      if (left % WALKED === 0 || walked >= WALKED_BYTES) {
        walked = 0
        yield undefined
      }
      if (left % LANDMARK === 0 && reader.at > this.#landmarks.at(-1)!.at)
        this.#landmarks.push({ at: reader.at, behind, left })
      const record = reader.raw(reader.varlong())
      walked += record.length
      const one = new Reader(record)
      one.int8()
      one.varlong()
      const its = base + one.varlong()
      if (its <= behind || its >= base + count) throw new RangeError("an offset is out of order")
      behind = its
      if (its >= offset) yield { offset: its, record }
    }
  }
}

/** Undefined: it is not what was written. Only of one that has records. `sealer`: whose seal counts; undefined: none. KR1 */
export const opened = async (batch: Batch, sealer?: Sealer): Promise<Opened | undefined> => {
  const { crc, signed, codec, data } = batch.body
  try {
    if ((await inSteps(sumOf(signed))) !== crc) return undefined
    const plain = await unpacked(codec, data, inSteps)
    return new Opened(batch, plain, sealer !== undefined && (await inSteps(isSealed(plain, sealer))))
  } catch {
    return undefined
  }
}
