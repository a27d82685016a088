/**
 * Frames of HTTP/2 (RFC 9113 §4, §6): cuts them out of what arrives, and writes those of a server. Pure.
 *
 *   FM1  A frame is handed on whole, whatever pieces it arrived in, and only until the listener returns: who keeps bytes of it copies them.
 *   FM2  What is kept of an unfinished frame is a copy of its own length, never the slab that it was read into; a frame larger than 16 KiB
 *        is refused by its header, before any of it is kept.
 *   FM3  What is wrong with a frame by itself (its length, its padding, its stream) is told with the code and the section of the RFC.
 */
import { bounds } from "./Protections.ts"

export const Type = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9
} as const

export const Flag = { END_STREAM: 1, ACK: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 32 } as const

/** RFC 9113 §7 */
export const Code = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  SETTINGS_TIMEOUT: 4,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  CONNECT_ERROR: 10,
  ENHANCE_YOUR_CALM: 11,
  INADEQUATE_SECURITY: 12,
  HTTP_1_1_REQUIRED: 13
} as const
export type Code = (typeof Code)[keyof typeof Code]

/** RFC 9113 §6.5.2 */
export const Setting = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6
} as const

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1")
/** Bytes of a frame's header. */
export const HEADER = 9
/** Bytes of one setting. */
const ENTRY = 6
/** Bytes of a frame's payload: no server has to take more (RFC 9113 §4.2), nor has a client. */
export const FRAME_BYTES = 16_384
export const WINDOW = 65_535
export const MAX_WINDOW = 2 ** 31 - 1

/** Ends the connection, with a GOAWAY. `reason`: why, for people; of a protection, its name. */
export class ConnectionError extends Error {
  readonly code: Code
  /** Of a protection that closed it: the reason that is counted. */
  readonly refused: string | undefined
  constructor(code: Code, message: string, refused?: string) {
    super(message)
    this.code = code
    this.refused = refused
  }
}

/** `bytes[start..end)`: the payload, padding and priority taken off; good until this returns. `length`: as flow control counts it. FM1 */
export type OnFrame = (
  type: number,
  flags: number,
  id: number,
  bytes: Buffer,
  start: number,
  end: number,
  length: number
) => void

const wrongSize = (what: string, section: string) =>
  new ConnectionError(Code.FRAME_SIZE_ERROR, `${what} (RFC 9113 §${section})`)
/** PROTOCOL_ERROR */
export const wrong = (what: string, section: string) =>
  new ConnectionError(Code.PROTOCOL_ERROR, `${what} (RFC 9113 §${section})`)

/** FM3: what the header of a frame says already. */
const checkHeader = (type: number, flags: number, id: number, length: number): void => {
  if (length > FRAME_BYTES) throw wrongSize(`a frame of ${length} bytes`, "4.2")
  switch (type) {
    case Type.DATA:
    case Type.CONTINUATION:
      if (id === 0) throw wrong("a frame of a stream names none", type === Type.DATA ? "6.1" : "6.10")
      return
    case Type.HEADERS:
      if (id === 0) throw wrong("HEADERS of no stream", "6.2")
      return
    case Type.PRIORITY:
      if (id === 0) throw wrong("PRIORITY of no stream", "6.3")
      return
    case Type.RST_STREAM:
      if (id === 0) throw wrong("RST_STREAM of no stream", "6.4")
      if (length !== 4) throw wrongSize(`RST_STREAM of ${length} bytes`, "6.4")
      return
    case Type.SETTINGS:
      if (id !== 0) throw wrong("SETTINGS of a stream", "6.5")
      if ((flags & Flag.ACK) !== 0 ? length !== 0 : length % ENTRY !== 0)
        throw wrongSize(`SETTINGS of ${length} bytes`, "6.5")
      if (length > ENTRY * bounds.entries.bound)
        throw new ConnectionError(Code.ENHANCE_YOUR_CALM, `too many ${bounds.entries.counts}`, "entries")
      return
    case Type.PUSH_PROMISE:
      throw wrong("a client pushes nothing", "8.4")
    case Type.PING:
      if (id !== 0) throw wrong("PING of a stream", "6.7")
      if (length !== 8) throw wrongSize(`PING of ${length} bytes`, "6.7")
      return
    case Type.GOAWAY:
      if (id !== 0) throw wrong("GOAWAY of a stream", "6.8")
      if (length < 8) throw wrongSize(`GOAWAY of ${length} bytes`, "6.8")
      return
    case Type.WINDOW_UPDATE:
      if (length !== 4) throw wrongSize(`WINDOW_UPDATE of ${length} bytes`, "6.9")
  }
}

/** One for each connection. Whatever is wrong is thrown as `ConnectionError`. */
export class FrameReader {
  readonly #onFrame: OnFrame
  /** An unfinished frame: its header, or all of it once its length is known. FM2 */
  #held: Buffer | undefined
  #has = 0
  readonly #header = Buffer.allocUnsafeSlow(HEADER)
  #inHeader = 0

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame
  }

  /** Bytes of an unfinished frame that are kept. */
  get kept(): number {
    return this.#held?.length ?? this.#inHeader
  }

  /** Takes what arrived. */
  push(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#held !== undefined) at = this.#fill(this.#held, chunk, at)
      else if (this.#inHeader > 0 || chunk.length - at < HEADER) at = this.#fillHeader(chunk, at)
      else {
        const length = chunk.readUIntBE(at, 3)
        const type = chunk[at + 3]!
        const flags = chunk[at + 4]!
        const id = chunk.readUInt32BE(at + 5) & 0x7fffffff
        checkHeader(type, flags, id, length)
        const end = at + HEADER + length
        if (end > chunk.length) {
          this.#held = Buffer.allocUnsafeSlow(HEADER + length)
          this.#has = chunk.copy(this.#held, 0, at)
          return
        }
        this.#hand(type, flags, id, chunk, at + HEADER, end)
        at = end
      }
    }
  }

  #fillHeader(chunk: Buffer, at: number): number {
    const read = chunk.copy(this.#header, this.#inHeader, at, at + HEADER - this.#inHeader)
    this.#inHeader += read
    if (this.#inHeader < HEADER) return at + read
    this.#inHeader = 0
    const header = this.#header
    const length = header.readUIntBE(0, 3)
    checkHeader(header[3]!, header[4]!, header.readUInt32BE(5) & 0x7fffffff, length)
    if (length === 0) this.#hand(header[3]!, header[4]!, header.readUInt32BE(5) & 0x7fffffff, header, HEADER, HEADER)
    else {
      this.#held = Buffer.allocUnsafeSlow(HEADER + length)
      this.#has = header.copy(this.#held)
    }
    return at + read
  }

  #fill(held: Buffer, chunk: Buffer, at: number): number {
    const read = chunk.copy(held, this.#has, at, Math.min(chunk.length, at + held.length - this.#has))
    this.#has += read
    if (this.#has === held.length) {
      this.#held = undefined
      this.#hand(held[3]!, held[4]!, held.readUInt32BE(5) & 0x7fffffff, held, HEADER, held.length)
    }
    return at + read
  }

  #hand(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    const length = end - start
    let [from, to] = [start, end]
    if ((flags & Flag.PADDED) !== 0 && (type === Type.DATA || type === Type.HEADERS)) {
      const section = type === Type.DATA ? "6.1" : "6.2"
      if (length === 0) throw wrongSize("a padded frame without its padding's length", section)
      to -= bytes[from++]!
      if (to < from) throw wrong("padding longer than its frame", section)
    }
    if (type === Type.HEADERS && (flags & Flag.PRIORITY) !== 0) {
      if (to - from < 5) throw wrongSize("HEADERS too short for their priority", "6.2")
      if ((bytes.readUInt32BE(from) & 0x7fffffff) === id) throw wrong("a stream depends on itself", "6.2")
      from += 5
    }
    this.#onFrame(type, flags, id, bytes, from, to, length)
  }
}

export const frame = (type: number, flags: number, id: number, payload: Uint8Array | number): Buffer => {
  const length = typeof payload === "number" ? payload : payload.length
  const bytes = Buffer.allocUnsafe(typeof payload === "number" ? HEADER : HEADER + length)
  bytes.writeUIntBE(length, 0, 3)
  bytes[3] = type
  bytes[4] = flags
  bytes.writeUInt32BE(id, 5)
  if (typeof payload !== "number") bytes.set(payload, HEADER)
  return bytes
}

/** Header and continuations of a block, as one piece. */
export const headersFrame = (id: number, block: Buffer, endStream: boolean): Buffer => {
  const end = endStream ? Flag.END_STREAM : 0
  if (block.length <= FRAME_BYTES) return frame(Type.HEADERS, end | Flag.END_HEADERS, id, block)
  const parts = [frame(Type.HEADERS, end, id, block.subarray(0, FRAME_BYTES))]
  for (let at = FRAME_BYTES; at < block.length; at += FRAME_BYTES) {
    const last = at + FRAME_BYTES >= block.length
    parts.push(frame(Type.CONTINUATION, last ? Flag.END_HEADERS : 0, id, block.subarray(at, at + FRAME_BYTES)))
  }
  return Buffer.concat(parts)
}

export const settingsFrame = (settings: ReadonlyArray<readonly [id: number, value: number]>): Buffer => {
  const payload = Buffer.alloc(settings.length * 6)
  for (const [i, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, i * 6)
    payload.writeUInt32BE(value, i * 6 + 2)
  }
  return frame(Type.SETTINGS, 0, 0, payload)
}

export const SETTINGS_ACK = frame(Type.SETTINGS, Flag.ACK, 0, 0)

export const pingFrame = (opaque: Uint8Array, ack: boolean): Buffer => frame(Type.PING, ack ? Flag.ACK : 0, 0, opaque)

const number = (value: number): Buffer => {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export const resetFrame = (id: number, code: Code): Buffer => frame(Type.RST_STREAM, 0, id, number(code))

export const windowFrame = (id: number, by: number): Buffer => frame(Type.WINDOW_UPDATE, 0, id, number(by))

export const goawayFrame = (last: number, code: Code, text = ""): Buffer =>
  frame(Type.GOAWAY, 0, 0, Buffer.concat([number(last), number(code), Buffer.from(text.slice(0, 200))]))
