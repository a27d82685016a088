/**
 * Unpacks what others packed: gzip, Snappy, lz4 and Zstandard.
 *
 *   KZ1  What comes out is bounded: a few bytes can't become gigabytes.
 *   KZ2  What takes long is done by the threads of zlib, or in steps between which others go on.
 */
import { promisify } from "node:util"
import { gunzip, gunzipSync, zstdDecompress, zstdDecompressSync } from "node:zlib"
import type { Steps } from "./Steps.ts"

/** Bytes of a batch, unpacked. KZ1 */
export const MOST_UNPACKED = 67_108_864
/** Bytes that are unpacked at once, and at most so many come out of them. KZ2 */
const [SMALL, SMALL_OUT] = [65_536, 524_288]
/** What is done in a step: copies, and bytes by 64. */
const STEP = 32_768

const wrong = () => new RangeError("what was packed can't be unpacked")

class Out {
  #bytes = Buffer.allocUnsafe(65_536)
  length = 0
  #done = 0

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.length)
  }

  /** It is time for others. */
  get tired(): boolean {
    if (this.#done < STEP) return false
    this.#done = 0
    return true
  }

  #room(more: number): void {
    this.#done += 1 + (more >>> 6)
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
    const begin = this.length
    const end = begin + count
    // Each copy doubles what can be copied at once.
    for (let width = back; this.length < end; width *= 2) {
      const upto = Math.min(begin - back + width, begin - back + (end - this.length))
      this.length += this.#bytes.copy(this.#bytes, this.length, begin - back, upto)
    }
  }
}

const cut = (bytes: Buffer, from: number, count: number): Buffer => {
  if (count < 0 || from + count > bytes.length) throw wrong()
  return bytes.subarray(from, from + count)
}

function* snappyBlock(bytes: Buffer, out: Out): Steps<void> {
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
    if (out.tired) yield
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
function* snappy(bytes: Buffer): Steps<Buffer> {
  const out = new Out()
  if (!bytes.subarray(0, 8).equals(XERIAL)) yield* snappyBlock(bytes, out)
  else
    for (let at = 16; at < bytes.length; ) {
      const size = cut(bytes, at, 4).readUInt32BE(0)
      yield* snappyBlock(cut(bytes, at + 4, size), out)
      at += 4 + size
    }
  return out.bytes
}

function* lz4Block(bytes: Buffer, out: Out, from: number): Steps<void> {
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
    if (out.tired) yield
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
function* lz4(bytes: Buffer): Steps<Buffer> {
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
    else yield* lz4Block(block, out, alone ? out.length : 0)
    at += block.length + ((flags & 16) > 0 ? 4 : 0)
  }
}

const bound = { maxOutputLength: MOST_UNPACKED, chunkSize: 262_144 }
const [gunzipped, unzstd] = [promisify(gunzip), promisify(zstdDecompress)]

const byZlib = (
  bytes: Buffer,
  atOnce: (bytes: Buffer, options: { readonly maxOutputLength: number }) => Buffer,
  inThreads: (bytes: Buffer, options: typeof bound) => Promise<Buffer>
): Buffer | Promise<Buffer> => {
  if (bytes.length <= SMALL)
    try {
      return atOnce(bytes, { maxOutputLength: SMALL_OUT })
    } catch (cause) {
      if (Object(cause).code !== "ERR_BUFFER_TOO_LARGE") throw cause
    }
  return inThreads(bytes, bound)
}

/** Throws or rejects for what can't be unpacked in bounds. `codec`: Kafka's number of it. KZ1, KZ2 */
export const unpacked = (
  codec: number,
  bytes: Buffer,
  run: <A>(steps: Steps<A>) => Promise<A>
): Buffer | Promise<Buffer> => {
  switch (codec) {
    case 0:
      return bytes
    case 1:
      return byZlib(bytes, gunzipSync, gunzipped)
    case 2:
      return run(snappy(bytes))
    case 3:
      return run(lz4(bytes))
    case 4:
      return byZlib(bytes, zstdDecompressSync, unzstd)
    default:
      throw wrong()
  }
}
