/**
 * Packs events into what a segment stores, and takes them out again.
 *
 *   SP1  What is stored has a checksum, and what is read is compared with it: what differs is never handed out.
 */
import { promisify } from "node:util"
import { constants, crc32, zstdCompress, zstdCompressSync, zstdDecompress, zstdDecompressSync } from "node:zlib"

/** Bytes. Less is not worth it. */
const WORTH = 1_024
/** Bytes that are packed at once (some 0.2 ms); more is done in another thread. */
const AT_ONCE = 65_536
/** Bytes that a segment may be unpacked. */
const MOST_UNPACKED = 67_108_864

const options = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }
const compress = promisify<Uint8Array, typeof options, Buffer>(zstdCompress)
const decompress = promisify<Uint8Array, { maxOutputLength: number }, Buffer>(zstdDecompress)

export interface Packed {
  readonly codec: 0 | 1
  readonly crc: number
  readonly data: Uint8Array
}

const packed = (bytes: Uint8Array, smaller: Uint8Array | undefined): Packed => {
  const data = smaller !== undefined && smaller.length < bytes.length ? smaller : bytes
  return { codec: data === bytes ? 0 : 1, crc: crc32(data), data }
}

/** A promise where it takes long. */
export const pack = (bytes: Uint8Array, zstd: boolean): Packed | Promise<Packed> => {
  if (!zstd || bytes.length < WORTH) return packed(bytes, undefined)
  if (bytes.length <= AT_ONCE) return packed(bytes, zstdCompressSync(bytes, options))
  return compress(bytes, options).then((smaller) => packed(bytes, smaller))
}

/** Whether it is what was stored. SP1 */
export const isWhole = (data: Uint8Array, crc: number): boolean => crc32(data) === crc

/** Throws, or the promise fails, where it is no zstd or too large. */
export const unpack = (data: Uint8Array): Uint8Array | Promise<Uint8Array> =>
  data.length <= AT_ONCE
    ? zstdDecompressSync(data, { maxOutputLength: MOST_UNPACKED })
    : decompress(data, { maxOutputLength: MOST_UNPACKED })
