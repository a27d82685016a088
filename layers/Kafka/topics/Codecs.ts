/**
 * Unpacks what others packed: gzip, Snappy, lz4 and Zstandard. Pure.
 *
 *   KZ1  What comes out is bounded: a few bytes can't become gigabytes.
 */
import { gunzipSync, zstdDecompressSync } from "node:zlib"

/** Bytes of a batch, unpacked. KZ1 */
export const MOST_UNPACKED = 67_108_864

const wrong = () => new RangeError("what was packed can't be unpacked")

class Out {
  #bytes = Buffer.allocUnsafe(65_536)
  length = 0

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.length)
  }

  #room(more: number): void {
    const needed = this.length + more
    if (needed > MOST_UNPACKED) throw wrong()
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(Math.min(MOST_UNPACKED, Math.max(needed, 2 * this.#bytes.length)))
    this.#bytes.copy(grown, 0, 0, this.length)
    this.#bytes = grown
  }

  add(bytes: Buffer): void {
    this.#room(bytes.length)
    bytes.copy(this.#bytes, this.length)
    this.length += bytes.length
  }

  /** What was `back` bytes before, also where it is not there yet when it begins. `from`: nothing before it. */
  repeat(back: number, count: number, from: number): void {
    if (back <= 0 || back > this.length - from) throw wrong()
    this.#room(count)
    for (let n = 0; n < count; n++) this.#bytes[this.length] = this.#bytes[this.length++ - back]!
  }
}

const cut = (bytes: Buffer, from: number, count: number): Buffer => {
  if (count < 0 || from + count > bytes.length) throw wrong()
  return bytes.subarray(from, from + count)
}

const snappyBlock = (bytes: Buffer, out: Out): void => {
  let at = 0
  let length = 0
  for (let shift = 1; ; shift *= 128) {
    const byte = bytes[at++]
    if (byte === undefined || shift > 2 ** 28) throw wrong()
    length += (byte & 127) * shift
    if (byte < 128) break
  }
  const from = out.length
  while (at < bytes.length) {
    const tag = bytes[at++]!
    const kind = tag & 3
    if (kind === 0) {
      let count = tag >>> 2
      if (count >= 60) {
        const wide = count - 59
        count = cut(bytes, at, wide).readUIntLE(0, wide)
        at += wide
      }
      out.add(cut(bytes, at, count + 1))
      at += count + 1
    } else {
      const wide = kind === 1 ? 1 : kind === 2 ? 2 : 4
      const low = cut(bytes, at, wide).readUIntLE(0, wide)
      at += wide
      if (kind === 1) out.repeat(((tag >>> 5) << 8) | low, ((tag >>> 2) & 7) + 4, from)
      else out.repeat(low, (tag >>> 2) + 1, from)
    }
  }
  if (out.length - from !== length) throw wrong()
}

const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])

/** As Java's library frames it, or one block. */
const snappy = (bytes: Buffer): Buffer => {
  const out = new Out()
  if (!bytes.subarray(0, 8).equals(XERIAL)) snappyBlock(bytes, out)
  else
    for (let at = 16; at < bytes.length; ) {
      const size = cut(bytes, at, 4).readUInt32BE(0)
      snappyBlock(cut(bytes, at + 4, size), out)
      at += 4 + size
    }
  return out.bytes
}

const lz4Block = (bytes: Buffer, out: Out, from: number): void => {
  let at = 0
  const more = (begun: number) => {
    let count = begun
    if (begun < 15) return count
    for (;;) {
      const byte = bytes[at++]
      if (byte === undefined) throw wrong()
      count += byte
      if (byte < 255) return count
    }
  }
  while (at < bytes.length) {
    const token = bytes[at++]!
    const literals = more(token >>> 4)
    out.add(cut(bytes, at, literals))
    at += literals
    if (at >= bytes.length) return
    const back = cut(bytes, at, 2).readUInt16LE(0)
    at += 2
    out.repeat(back, more(token & 15) + 4, from)
  }
}

/** A frame; its checksums are not looked at, as the batch has one. */
const lz4 = (bytes: Buffer): Buffer => {
  if (cut(bytes, 0, 7).readUInt32LE(0) !== 0x184d2204) throw wrong()
  const flags = bytes[4]!
  const alone = (flags & 0x20) > 0
  let at = 7 + ((flags & 8) > 0 ? 8 : 0) + ((flags & 1) > 0 ? 4 : 0)
  const out = new Out()
  for (;;) {
    const size = cut(bytes, at, 4).readUInt32LE(0)
    at += 4
    if (size === 0) return out.bytes
    const block = cut(bytes, at, size & 0x7fffffff)
    if (size >= 0x80000000) out.add(block)
    else lz4Block(block, out, alone ? out.length : 0)
    at += block.length + ((flags & 16) > 0 ? 4 : 0)
  }
}

/** Throws for what can't be unpacked in bounds. `codec`: Kafka's number of it. KZ1 */
export const unpacked = (codec: number, bytes: Buffer): Buffer => {
  const bound = { maxOutputLength: MOST_UNPACKED }
  switch (codec) {
    case 0:
      return bytes
    case 1:
      return gunzipSync(bytes, bound)
    case 2:
      return snappy(bytes)
    case 3:
      return lz4(bytes)
    case 4:
      return zstdDecompressSync(bytes, bound)
    default:
      throw wrong()
  }
}
