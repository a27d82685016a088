/**
 * Which offsets of a partition are done: all below a floor, and ranges above it. Pure state.
 *
 *   DQ1  It is a set: whatever is added in whatever order, an offset is done when it was added, and the floor is the first that is not.
 *   DQ2  Ranges that touch are one: there is at most one range more than there are offsets between them that are not done.
 *   DQ3  Written and read again it is the same set; what is no such text is refused, never read as fewer or more.
 */

/** Seven bits a byte, the lowest first. */
const put = (bytes: Array<number>, value: number): void => {
  let left = value
  while (left >= 128) {
    bytes.push((left % 128) + 128)
    left = Math.floor(left / 128)
  }
  bytes.push(left)
}

/** Ranges that the floor reached and that are still there. */
const SPARE = 512

export class Ranges {
  #floor: number
  /** Ascending, from `#head` on; each range is [from, to), above the floor, and touches no other. What is before was reached by the floor. */
  readonly #froms: Array<number> = []
  readonly #tos: Array<number> = []
  #head = 0

  constructor(floor: number) {
    this.#floor = floor
  }

  copy(): Ranges {
    const copy = new Ranges(this.#floor)
    for (let at = this.#head; at < this.#froms.length; at++) {
      copy.#froms.push(this.#froms[at]!)
      copy.#tos.push(this.#tos[at]!)
    }
    return copy
  }

  /** The first offset that is not done. */
  get floor(): number {
    return this.#floor
  }

  /** How many ranges there are above the floor. */
  get count(): number {
    return this.#froms.length - this.#head
  }

  /** Those above the floor, ascending: each from its first to before its second. */
  get spans(): ReadonlyArray<readonly [from: number, to: number]> {
    return this.#froms.slice(this.#head).map((from, at) => [from, this.#tos[this.#head + at]!])
  }

  /** The first range whose end is at or above the offset. */
  #at(offset: number): number {
    let [low, high] = [this.#head, this.#tos.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#tos[middle]! < offset) low = middle + 1
      else high = middle
    }
    return low
  }

  has(offset: number): boolean {
    if (offset < this.#floor) return true
    const at = this.#at(offset + 1)
    return at < this.#froms.length && this.#froms[at]! <= offset
  }

  /** Of those from `from` on, the first that is not done. */
  next(from: number): number {
    if (from < this.#floor) return this.#floor
    const at = this.#at(from + 1)
    return at < this.#froms.length && this.#froms[at]! <= from ? this.#tos[at]! : from
  }

  /** Adds [from, to). DQ1, DQ2 */
  add(from: number, to: number): void {
    if (to <= this.#floor || to <= from) return
    const first = this.#at(from)
    let last = first
    let [low, high] = [Math.max(from, this.#floor), to]
    while (last < this.#froms.length && this.#froms[last]! <= high) {
      low = Math.min(low, this.#froms[last]!)
      high = Math.max(high, this.#tos[last]!)
      last++
    }
    if (low <= this.#floor) this.#reach(high, last)
    else if (first === this.#froms.length) {
      this.#froms.push(low)
      this.#tos.push(high)
    } else if (last === first + 1) {
      this.#froms[first] = low
      this.#tos[first] = high
    } else {
      this.#froms.splice(first, last - first, low)
      this.#tos.splice(first, last - first, high)
    }
  }

  /** The first ranges go when there are many of them: one by one all others would be moved each time. */
  #reach(floor: number, head: number): void {
    this.#floor = floor
    this.#head = head
    if (head < this.#froms.length && (head < SPARE || head * 2 < this.#froms.length)) return
    this.#froms.splice(0, head)
    this.#tos.splice(0, head)
    this.#head = 0
  }

  /** For each range, how far it is from what was before it, and how long it is. DQ3 */
  encode(): Uint8Array {
    const bytes: Array<number> = []
    let before = this.#floor
    for (let at = this.#head; at < this.#froms.length; at++) {
      const from = this.#froms[at]!
      put(bytes, from - before)
      put(bytes, this.#tos[at]! - from)
      before = this.#tos[at]!
    }
    return Uint8Array.from(bytes)
  }

  /** Undefined: these are no ranges. DQ3 */
  static decode(floor: number, bytes: Uint8Array): Ranges | undefined {
    const ranges = new Ranges(floor)
    const numbers: Array<number> = []
    let [value, scale] = [0, 1]
    for (const byte of bytes) {
      value += (byte & 127) * scale
      scale *= 128
      if (value > Number.MAX_SAFE_INTEGER) return undefined
      if (byte >= 128) continue
      numbers.push(value)
      value = 0
      scale = 1
    }
    if (scale !== 1 || numbers.length % 2 !== 0 || numbers.includes(0)) return undefined
    let before = floor
    for (let at = 0; at < numbers.length; at += 2) {
      const from = before + numbers[at]!
      before = from + numbers[at + 1]!
      if (!Number.isSafeInteger(before)) return undefined
      ranges.#froms.push(from)
      ranges.#tos.push(before)
    }
    return ranges
  }
}
