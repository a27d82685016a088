/** Writes and reads the numbers of Kafka's protocol. Pure. */

const table = (() => {
  const made = new Uint32Array(256)
  for (let n = 0; n < 256; n++) {
    let c = n
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1
    made[n] = c
  }
  return made
})()

/** CRC-32C (Castagnoli), as record batches have it. `before`: of the bytes in front of these. */
export const crc32c = (bytes: Uint8Array, before = 0): number => {
  let c = (before ^ 0xffffffff) >>> 0
  for (let at = 0; at < bytes.length; at++) c = table[(c ^ bytes[at]!) & 255]! ^ (c >>> 8)
  return (c ^ 0xffffffff) >>> 0
}

export class Writing {
  #bytes: Buffer
  length = 0

  constructor(expected = 1_024) {
    this.#bytes = Buffer.allocUnsafe(expected)
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.length)
  }

  /** Room for `more` bytes, from the place that is returned. */
  #room(more: number): number {
    const at = this.length
    this.length += more
    if (this.length > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.length, 2 * this.#bytes.length))
      this.#bytes.copy(grown, 0, 0, at)
      this.#bytes = grown
    }
    return at
  }

  int8(value: number): this {
    const at = this.#room(1)
    this.#bytes.writeInt8(value, at)
    return this
  }
  int16(value: number): this {
    const at = this.#room(2)
    this.#bytes.writeInt16BE(value, at)
    return this
  }
  int32(value: number): this {
    const at = this.#room(4)
    this.#bytes.writeInt32BE(value, at)
    return this
  }
  uint32(value: number): this {
    const at = this.#room(4)
    this.#bytes.writeUInt32BE(value, at)
    return this
  }
  int64(value: bigint): this {
    const at = this.#room(8)
    this.#bytes.writeBigInt64BE(value, at)
    return this
  }
  raw(value: Uint8Array): this {
    const at = this.#room(value.length)
    this.#bytes.set(value, at)
    return this
  }
  /** A length of two bytes in front; null: none. */
  text(value: string | null): this {
    if (value === null) return this.int16(-1)
    const bytes = Buffer.from(value)
    return this.int16(bytes.length).raw(bytes)
  }
  /** Zigzag; from -2^31 to 2^31 - 1. */
  varint(value: number): this {
    let rest = ((value << 1) ^ (value >> 31)) >>> 0
    let at = this.#room(rest < 1 << 7 ? 1 : rest < 1 << 14 ? 2 : rest < 1 << 21 ? 3 : rest < 1 << 28 ? 4 : 5)
    while (rest > 127) {
      this.#bytes[at++] = (rest & 127) | 128
      rest >>>= 7
    }
    this.#bytes[at] = rest
    return this
  }
  /** A varint of its length in front; null: -1. */
  sized(value: Uint8Array | null): this {
    return value === null ? this.varint(-1) : this.varint(value.length).raw(value)
  }
}

export const varintSize = (value: number): number => {
  const rest = ((value << 1) ^ (value >> 31)) >>> 0
  return rest < 1 << 7 ? 1 : rest < 1 << 14 ? 2 : rest < 1 << 21 ? 3 : rest < 1 << 28 ? 4 : 5
}

export const sizedSize = (value: Uint8Array | null): number =>
  value === null ? 1 : varintSize(value.length) + value.length

/** Throws `RangeError` where bytes are missing. */
export class Reader {
  readonly bytes: Buffer
  at = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  get left(): number {
    return this.bytes.length - this.at
  }

  #take(count: number): number {
    const at = this.at
    if (count < 0 || count > this.left) throw new RangeError("bytes are missing")
    this.at += count
    return at
  }

  int8(): number {
    return this.bytes.readInt8(this.#take(1))
  }
  int16(): number {
    return this.bytes.readInt16BE(this.#take(2))
  }
  int32(): number {
    return this.bytes.readInt32BE(this.#take(4))
  }
  uint32(): number {
    return this.bytes.readUInt32BE(this.#take(4))
  }
  int64(): bigint {
    return this.bytes.readBigInt64BE(this.#take(8))
  }
  raw(count: number): Buffer {
    const at = this.#take(count)
    return this.bytes.subarray(at, at + count)
  }
  text(): string | null {
    const length = this.int16()
    return length < 0 ? null : this.raw(length).toString()
  }
  /** Exact up to 2^53. */
  varlong(): number {
    let value = 0
    for (let shift = 1; ; shift *= 128) {
      const byte = this.bytes[this.#take(1)]!
      value += (byte & 127) * shift
      if (byte < 128) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
      if (shift > 2 ** 63) throw new RangeError("a number has no end")
    }
  }
  sized(): Buffer | null {
    const length = this.varlong()
    return length < 0 ? null : this.raw(length)
  }
  /** What `sized` would return is passed over. */
  skip(): void {
    const length = this.varlong()
    if (length > 0) this.#take(length)
  }
  /** Of entries with a number of four bytes in front. */
  array<A>(one: (reader: Reader) => A): Array<A> {
    const count = this.int32()
    if (count > this.left) throw new RangeError("bytes are missing")
    const all: Array<A> = []
    for (let n = 0; n < count; n++) all.push(one(this))
    return all
  }
}
