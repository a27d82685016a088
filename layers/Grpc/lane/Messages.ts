/**
 * The messages of a call, out of the bytes that come. Pure.
 *
 *   GC2  A message is a copy of its own; bytes that no read asked for stay as they came, and become messages one at a time. No memory is taken
 *        for what a length only promises.
 *   GC3  One that is too long, or packed, is refused by its prefix.
 */
import { PREFIX } from "./Framing.ts"

/** Bytes. */
const PART = 4_096

export type Wrong = "too long" | "packed" | "no prefix"

export class Messages {
  readonly #most: number
  /** Copies of what came, in order; of the first, what is before `#at` was read, and of the last, what is before `#filled` came. */
  #parts: Array<Buffer> = []
  #at = 0
  #filled = 0
  /** One that came alone and whole, before all parts. */
  #whole: Buffer | undefined
  /** Where the walk is: bytes of a prefix, or of a message that are missing. */
  #inPrefix = 0
  #length = 0
  #missing = 0
  #complete = 0
  /** Bytes that wait. */
  bytes = 0

  constructor(most: number) {
    this.#most = most
  }

  /** Complete ones that wait. */
  get complete(): number {
    return this.#complete
  }

  /** Whether it would be cut off here. */
  get isPartial(): boolean {
    return this.#inPrefix > 0 || this.#missing > 0
  }

  /** Takes what came: how many messages it completed, or what is wrong with it. GC3 */
  arrive(bytes: Buffer, start: number, end: number): number | Wrong {
    if (this.bytes === 0 && this.#isWhole(bytes, start, end)) {
      this.#whole = Buffer.from(bytes.subarray(start + PREFIX, end))
      this.bytes = end - start
      this.#complete = 1
      return 1
    }
    let completed = 0
    let at = start
    while (at < end) {
      if (this.#missing > 0) {
        const some = Math.min(this.#missing, end - at)
        this.#missing -= some
        at += some
        if (this.#missing === 0) completed++
        continue
      }
      const byte = bytes[at++]!
      if (this.#inPrefix === 0 && byte !== 0) return byte === 1 ? "packed" : "no prefix"
      this.#length = this.#inPrefix === 0 ? 0 : this.#length * 256 + byte
      if (++this.#inPrefix < PREFIX) continue
      this.#inPrefix = 0
      if (this.#length > this.#most) return "too long"
      this.#missing = this.#length
      if (this.#missing === 0) completed++
    }
    this.#complete += completed
    this.bytes += end - start
    this.#keep(bytes, start, end)
    return completed
  }

  /** The next one; undefined when none is complete. GC2 */
  take(): Buffer | undefined {
    if (this.#complete === 0) return undefined
    this.#complete--
    const whole = this.#whole
    if (whole !== undefined) {
      this.#whole = undefined
      this.bytes -= PREFIX + whole.length
      return whole
    }
    const prefix = this.#cut(PREFIX)
    return this.#cut(prefix.readUInt32BE(1))
  }

  /** What comes when nothing waits is most often one message: it needs no walk, and one copy. */
  #isWhole(bytes: Buffer, start: number, end: number): boolean {
    if (end - start < PREFIX || bytes[start] !== 0 || this.isPartial) return false
    const length = bytes.readUInt32BE(start + 1)
    return length <= this.#most && length === end - start - PREFIX
  }

  /** Small ones share a part, or each would cost many times its bytes. GC2 */
  #keep(bytes: Buffer, start: number, end: number): void {
    const length = end - start
    const last = this.#parts.at(-1)
    if (last === undefined || this.#filled + length > last.length) {
      if (last !== undefined) this.#parts[this.#parts.length - 1] = last.subarray(0, this.#filled)
      this.#parts.push(Buffer.allocUnsafeSlow(last === undefined ? length : Math.max(length, PART)))
      this.#filled = 0
    }
    bytes.copy(this.#parts.at(-1)!, this.#filled, start, end)
    this.#filled += length
  }

  #cut(length: number): Buffer {
    const made = Buffer.allocUnsafe(length)
    let has = 0
    while (has < length) {
      const part = this.#parts[0]!
      const stop = this.#parts.length === 1 ? this.#filled : part.length
      const read = part.copy(made, has, this.#at, Math.min(stop, this.#at + length - has))
      has += read
      this.#at += read
      if (this.#at < stop) continue
      this.#parts.shift()
      this.#at = 0
    }
    this.bytes -= length
    return made
  }
}
