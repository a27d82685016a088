/**
 * An event of the measurements of readers: 120 bytes of JSON, with its number, a price, and what no compression makes smaller.
 *
 *   BZ1  Whatever the protocol, what a reader gets is cut into events and their numbers are compared: one that is lost, doubled or out of order is
 *        counted. Nothing is copied for that but what stands on the border of two reads.
 */

export const EVENT = 120
/** Where in an event its number is. */
const NUMBER = 6
const DIGITS = 16
/** Prices of events with an even number, and of the others. */
const [EVEN, ODD] = ["90000.25", "10000.25"]

/** What a reader tells of: events that follow each other, every one or, of a filter, every second, from `first` to before `next`. */
export type Got = (first: number, next: number) => void

const noise = Buffer.from(Array.from({ length: 65_536 }, () => 97 + Math.floor(Math.random() * 26)))
const template = Buffer.from(`{"n":"${"0".repeat(DIGITS)}","price":${EVEN},"x":"${"0".repeat(EVENT)}`)
const PRICE = template.indexOf(EVEN)
const NOISE = template.indexOf('"x":"') + 5

/** Writes event `number` at `at`. */
export const put = (into: Buffer, at: number, number: number): void => {
  template.copy(into, at, 0, NOISE)
  for (let i = NUMBER + DIGITS - 1, left = number; left > 0; i--) {
    into[at + i] = 48 + (left % 10)
    left = Math.floor(left / 10)
  }
  if (number % 2 === 1) into.write(ODD, at + PRICE, "latin1")
  const from = (number * 97) % (noise.length - EVENT)
  noise.copy(into, at + NOISE, from, from + EVENT - NOISE - 2)
  into.write('"}', at + EVENT - 2, "latin1")
}

/** The number of the event that begins at `at`. */
export const numberAt = (bytes: Uint8Array, at: number): number => {
  let number = 0
  for (let i = at + NUMBER; i < at + NUMBER + DIGITS; i++) number = number * 10 + bytes[i]! - 48
  return number
}

/** Compares the numbers of what one connection gets. BZ1 */
export class Followed {
  readonly #got: Got
  /** From one event that it gets to the next. */
  readonly #step: number
  #next = -1
  wrong = 0
  /** Times that it was cut off, or told that it is not sent events: what the server said, which is not lost in silence. */
  told = 0
  /** Its handshake is done. */
  ready = false

  constructor(got: Got, step = 1) {
    this.#got = got
    this.#step = step
  }

  /** `count` events, of which the first and the last have these numbers. */
  events(first: number, last: number, count: number): void {
    if ((this.#next >= 0 && first !== this.#next) || last - first !== (count - 1) * this.#step) this.wrong++
    this.#next = last + this.#step
    this.#got(first, this.#next)
  }
}

/** Cuts what one connection gets, of which nothing is kept after `read`. */
export interface Cutter {
  readonly followed: Followed
  readonly read: (bytes: Buffer, length: number) => void
}
