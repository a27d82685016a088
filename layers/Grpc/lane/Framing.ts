/**
 * Messages as gRPC puts them into DATA. Pure, but for what it remembers.
 *
 *   GC1  A message that goes to many is copied once: the newest is kept with its prefix and, for streams of the same number, with the header
 *        of its frame. One that is large is not copied at all, but for the frame that has the prefix. Nobody writes into what is kept.
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
  /** Both, where they are one. */
  readonly message: Buffer | undefined
  /** With the header of one frame for stream `id`, if one is enough. */
  readonly id: number
  readonly frame: Buffer | undefined
}

let newest: Framed | undefined

const header = (bytes: Buffer, length: number, id: number): void => {
  bytes.writeUIntBE(length, 0, 3)
  bytes[3] = Type.DATA
  bytes[4] = 0
  bytes.writeUInt32BE(id, 5)
}

/** GC1 */
export const framed = (of: Uint8Array, id: number): Framed => {
  if (newest !== undefined && newest.of === of) return newest
  const length = PREFIX + of.length
  if (length > KEPT) return { of, length, message: undefined, id, frame: undefined }
  const bytes = Buffer.allocUnsafe(HEADER + length)
  header(bytes, length, id)
  bytes[HEADER] = 0
  bytes.writeUInt32BE(of.length, HEADER + 1)
  bytes.set(of, HEADER + PREFIX)
  newest = { of, length, message: bytes.subarray(HEADER), id, frame: length <= FRAME_BYTES ? bytes : undefined }
  return newest
}

/** Bytes that are sent as they are, without a prefix. */
export const unframed = (bytes: Buffer): Framed => ({
  ...{ of: bytes, length: bytes.length, message: bytes, id: 0, frame: undefined }
})

const viewOf = ({ buffer, byteOffset }: Uint8Array, from: number, to: number): Buffer =>
  Buffer.from(buffer as ArrayBuffer, byteOffset + from, to - from)

/** A part of it. GC1 */
export const partOf = ({ of, message }: Framed, from: number, to: number): Buffer => {
  if (message !== undefined) return message.subarray(from, to)
  if (from >= PREFIX) return viewOf(of, from - PREFIX, to - PREFIX)
  const prefix = Buffer.alloc(PREFIX)
  prefix.writeUInt32BE(of.length, 1)
  if (to <= PREFIX) return prefix.subarray(from, to)
  return Buffer.concat([prefix.subarray(from), viewOf(of, 0, to - PREFIX)])
}

export const dataHeader = (length: number, id: number, end: boolean): Buffer => {
  const bytes = Buffer.allocUnsafe(HEADER)
  header(bytes, length, id)
  if (end) bytes[4] = Flag.END_STREAM
  return bytes
}
