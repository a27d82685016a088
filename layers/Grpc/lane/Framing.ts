/**
 * Messages as gRPC puts them into DATA. Pure, but for what it remembers.
 *
 *   GC1  A message that goes to many is copied once: the newest is kept with its prefix and, for streams of the same number, the header of each
 *        of its frames, so that it is one write. One that is large is not copied at all, but for the frame that has the prefix. Nobody writes
 *        into what is kept.
 */
import { Flag, FRAME_BYTES, HEADER, Type } from "./Frames.ts"

/** Bytes before each message: whether it is compressed, and its length. */
export const PREFIX = 5
/** A message that is larger is not kept. */
const KEPT = 65_536

/** What is sent on a stream, perhaps in parts. */
export interface Framed {
  /** What was given to be sent: the same for all who get it. */
  readonly of: Uint8Array
  /** Bytes of it and its prefix. */
  readonly length: number
  /** Both, of what is not kept: undefined, if they are not one. */
  readonly message: Buffer | undefined
  /** Both, in frames of `FRAME_BYTES`, each with its header for stream `id`; undefined: it is not kept. */
  readonly frames: Buffer | undefined
  readonly id: number
}

let newest: Framed | undefined

const header = (bytes: Buffer, at: number, length: number, id: number): void => {
  bytes.writeUIntBE(length, at, 3)
  bytes[at + 3] = Type.DATA
  bytes[at + 4] = 0
  bytes.writeUInt32BE(id, at + 5)
}

/** GC1 */
export const framed = (of: Uint8Array, id: number): Framed => {
  if (newest !== undefined && newest.of === of) return newest
  const length = PREFIX + of.length
  if (length > KEPT) return { of, length, message: undefined, frames: undefined, id }
  const count = framesOf(length)
  const frames = Buffer.allocUnsafe(count * HEADER + length)
  const first = Math.min(length, FRAME_BYTES)
  header(frames, 0, first, id)
  frames[HEADER] = 0
  frames.writeUInt32BE(of.length, HEADER + 1)
  frames.set(count === 1 ? of : of.subarray(0, first - PREFIX), HEADER + PREFIX)
  for (let n = 1; n < count; n++) {
    const [from, to] = [n * FRAME_BYTES, Math.min(length, (n + 1) * FRAME_BYTES)]
    header(frames, from + n * HEADER, to - from, id)
    frames.set(of.subarray(from - PREFIX, to - PREFIX), from + (n + 1) * HEADER)
  }
  newest = { of, length, message: undefined, frames, id }
  return newest
}

/** How many frames so many bytes take. */
export const framesOf = (length: number): number => Math.ceil(length / FRAME_BYTES)

/** Bytes that are sent as they are, without a prefix. */
export const unframed = (bytes: Buffer): Framed => ({
  ...{ of: bytes, length: bytes.length, message: bytes, frames: undefined, id: 0 }
})

const viewOf = ({ buffer, byteOffset }: Uint8Array, from: number, to: number): Buffer =>
  Buffer.from(buffer as ArrayBuffer, byteOffset + from, to - from)

/** A part of it that ends where one of `FRAME_BYTES` does, or before. GC1 */
export const partOf = ({ of, message, frames }: Framed, from: number, to: number): Buffer => {
  if (frames !== undefined) {
    const headers = (Math.floor(from / FRAME_BYTES) + 1) * HEADER
    return frames.subarray(headers + from, headers + to)
  }
  if (message !== undefined) return message.subarray(from, to)
  if (from >= PREFIX) return viewOf(of, from - PREFIX, to - PREFIX)
  const prefix = Buffer.alloc(PREFIX)
  prefix.writeUInt32BE(of.length, 1)
  if (to <= PREFIX) return prefix.subarray(from, to)
  return Buffer.concat([prefix.subarray(from), viewOf(of, 0, to - PREFIX)])
}

export const dataHeader = (length: number, id: number, end: boolean): Buffer => {
  const bytes = Buffer.allocUnsafe(HEADER)
  header(bytes, 0, length, id)
  if (end) bytes[4] = Flag.END_STREAM
  return bytes
}
