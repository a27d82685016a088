/**
 * Messages as gRPC puts them into DATA. Pure, but for what it remembers.
 *
 *   GC1  A message that goes to many is copied once: the newest is kept with its prefix and, for streams of the same number, with the header
 *        of its frame. Nobody writes into what is kept.
 */
import { Flag, FRAME_BYTES, HEADER, Type } from "./Frames.ts"

/** Bytes before each message: whether it is compressed, and its length. */
export const PREFIX = 5
/** A message that is larger is not kept. */
const KEPT = 65_536

export interface Framed {
  /** A prefix and the message. */
  readonly message: Buffer
  /** With the header of one frame for stream `id`, if one is enough. */
  readonly id: number
  readonly frame: Buffer | undefined
}

let of: Uint8Array | undefined
let newest: Framed | undefined

const header = (bytes: Buffer, length: number, id: number): void => {
  bytes.writeUIntBE(length, 0, 3)
  bytes[3] = Type.DATA
  bytes[4] = 0
  bytes.writeUInt32BE(id, 5)
}

/** GC1 */
export const framed = (message: Uint8Array, id: number): Framed => {
  if (newest !== undefined && of === message) return newest
  const length = PREFIX + message.length
  const bytes = Buffer.allocUnsafe(HEADER + length)
  header(bytes, length, id)
  bytes[HEADER] = 0
  bytes.writeUInt32BE(message.length, HEADER + 1)
  bytes.set(message, HEADER + PREFIX)
  const made = { message: bytes.subarray(HEADER), id, frame: length <= FRAME_BYTES ? bytes : undefined }
  if (length > KEPT) return made
  of = message
  newest = made
  return made
}

export const dataHeader = (length: number, id: number, end: boolean): Buffer => {
  const bytes = Buffer.allocUnsafe(HEADER)
  header(bytes, length, id)
  if (end) bytes[4] = Flag.END_STREAM
  return bytes
}
