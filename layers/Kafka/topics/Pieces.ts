/** Makes what Kafka has of a partition into what a log is read as. Pure. */
import { frameOf, type Message } from "../../../src/topics/Message.ts"
import type { GapReason, Piece } from "../../../src/topics/Piece.ts"
import { messageOfRecord, recordIn } from "./Records.ts"
import type { Steps } from "./Steps.ts"
import type { Walked } from "./Unpacking.ts"

/** Of a segment: bytes of payloads, headers and keys, with an event more; and events. */
const [SEGMENT, EVENTS] = [1_048_576, 2_000]
/** Bytes, of whoever asks for less. */
const LEAST = 16_384
/** Segments and gaps. */
const PIECES = 1_000

const messageIn = (record: Buffer, isSealed: boolean): Message | undefined => {
  const its = recordIn(record)
  return its && messageOfRecord(its, isSealed)
}

/** From an offset on, until so many bytes are reached; one segment at least, where there is any. */
export class Pieces {
  readonly all: Array<Piece> = []
  next: number
  /** Bytes and number of the events, as they are given. */
  bytes = 0
  events = 0
  readonly #most: number
  #at = 0
  #run: Array<Message> = []
  #weight = 0

  constructor(from: number, most: number) {
    this.next = from
    this.#most = most
  }

  get isFull(): boolean {
    return (this.bytes > 0 && this.bytes >= this.#most) || this.all.length >= PIECES
  }

  gap(to: number, why: GapReason): void {
    this.#segment()
    if (to <= this.next) return
    const last = this.all.at(-1)
    if (last?.is === "gap" && last.why === why && last.to === this.next) this.all[this.all.length - 1] = { ...last, to }
    else this.all.push({ is: "gap", from: this.next, to, why })
    this.next = to
  }

  #segment(): void {
    const run = this.#run
    if (run.length === 0) return
    const { count, bytes, hashes } = frameOf(run)
    this.all.push({ is: "segment", base: this.next, count, at: this.#at, codec: "none", bytes, hashes })
    this.next += count
    this.bytes += bytes.length
    this.events += count
    this.#run = []
    this.#weight = 0
  }

  /**
   * What is in a batch of which the records are these, all or from `next` on. It came at `at`, and `end` is behind its last offset. `isSealed`: Herald wrote it. Returns whether all
   * of it was taken.
   */
  *take(records: Iterable<Walked | undefined>, at: number, end: number, isSealed = false): Steps<boolean> {
    this.#segment() // one that came at another time
    this.#at = Math.max(this.#at, at)
    const enough = Math.min(SEGMENT, Math.max(LEAST, this.#most))
    try {
      for (const walked of records) {
        if (walked === undefined) {
          yield
          continue
        }
        const { offset, record } = walked
        if (offset < this.next + this.#run.length) continue
        if (this.#weight >= enough || this.#run.length >= EVENTS) {
          this.#segment()
          yield
        }
        if (this.#run.length === 0 && this.isFull) return false
        const message = messageIn(record, isSealed)
        if (offset > this.next + this.#run.length) this.gap(offset, "empty")
        if (message === undefined) {
          this.gap(offset + 1, "unfit")
          continue
        }
        this.#run.push(message)
        this.#weight += record.length
      }
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause
      this.gap(end, "corrupt") // KR1
      return true
    }
    this.gap(end, "empty")
    return true
  }
}
