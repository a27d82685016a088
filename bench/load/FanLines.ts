/**
 * Cuts what NATS and Redis send: events that are all of one size, between lines.
 *
 *   BZ1  in FanEvent.ts
 */
import { type Cutter, EVENT, type Followed, numberAt } from "./FanEvent.ts"

const marks = {
  nats: `MSG t 1 ${EVENT}\r\n`,
  redis: `*3\r\n$7\r\nmessage\r\n$1\r\nt\r\n$${EVENT}\r\n`
}
const greetings = { nats: "INFO", redis: "subscribe" }

export class Lines implements Cutter {
  readonly followed: Followed
  readonly #mark: Buffer
  readonly #greeting: string
  /** Of an event, with what is around it. */
  readonly #size: number
  /** What came of one that is not whole. */
  #rest: Buffer | undefined

  constructor(protocol: keyof typeof marks, followed: Followed) {
    this.followed = followed
    this.#mark = Buffer.from(marks[protocol])
    this.#greeting = greetings[protocol]
    this.#size = this.#mark.length + EVENT + 2
  }

  read(chunk: Buffer, length: number): void {
    const rest = this.#rest
    this.#rest = undefined
    let bytes = chunk
    let from = 0
    let end = length
    if (rest !== undefined) {
      const missing = this.#size - rest.length
      const isEvent = rest.length >= this.#mark.length && this.#isMark(rest, 0)
      if (isEvent && length >= missing) {
        this.#events(Buffer.concat([rest, chunk.subarray(0, missing)]), 0, 1)
        from = missing
      } else {
        bytes = Buffer.concat([rest, chunk.subarray(0, length)])
        end = bytes.length
      }
    }
    const at = this.#lines(bytes, from, end)
    if (at < end) this.#rest = Buffer.from(bytes.subarray(at, end))
  }

  #isMark(bytes: Buffer, at: number): boolean {
    return bytes.compare(this.#mark, 0, this.#mark.length, at, at + this.#mark.length) === 0
  }

  #events(bytes: Buffer, at: number, count: number): void {
    const into = at + this.#mark.length
    this.followed.events(numberAt(bytes, into), numberAt(bytes, into + (count - 1) * this.#size), count)
  }

  /** Where what is not whole begins. */
  #lines(bytes: Buffer, start: number, end: number): number {
    const mark = this.#mark
    if (!this.followed.ready) this.followed.ready = bytes.subarray(0, end).includes(this.#greeting)
    for (let from = start; ; ) {
      let at = from
      // Something else may come first or in between: an answer to what was said, or a PING.
      if (end - from < mark.length) return from
      if (!this.#isMark(bytes, from)) {
        const found = bytes.subarray(0, end).indexOf(mark, from)
        if (found < 0) return Math.max(from, end - mark.length)
        at = found
      }
      let count = Math.floor((end - at) / this.#size)
      if (count > 0 && !this.#isMark(bytes, at + (count - 1) * this.#size))
        for (let n = 1; n < count; n++) if (!this.#isMark(bytes, at + n * this.#size)) count = n
      if (count === 0) return at
      this.#events(bytes, at, count)
      from = at + count * this.#size
    }
  }
}
