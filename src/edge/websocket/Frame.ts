/**
 * Frames as a server sends them: RFC 6455 §5.2, never masked. Pure.
 *
 *   YF1  A message may be sent in two frames, so that what is one reader's own stands in the first, and the second is the same bytes for all.
 */
export const TEXT = 1
export const BINARY = 2
export const CONTINUATION = 0
export const CLOSE_FRAME = 8
export const PING = 9
export const PONG = 10

/** `last`: it is the last one of its message. */
export const frame = (opcode: number, payload: Uint8Array, last = true): Buffer => {
  const { length } = payload
  const head = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const bytes = Buffer.allocUnsafeSlow(head + length)
  bytes[0] = (last ? 0x80 : 0) | opcode
  if (head === 2) bytes[1] = length
  else if (head === 4) {
    bytes[1] = 126
    bytes.writeUInt16BE(length, 2)
  } else {
    bytes[1] = 127
    bytes.writeBigUInt64BE(BigInt(length), 2)
  }
  bytes.set(payload, head)
  return bytes
}

export const textFrame = (text: string): Buffer => frame(TEXT, Buffer.from(text))

/** The first of two. YF1 */
export const beginning = (text: string): Buffer => frame(TEXT, Buffer.from(text), false)

/** The second of two. YF1 */
export const ending = (text: string): Buffer => frame(CONTINUATION, Buffer.from(text))

/** Bytes of a reason that a close has room for. */
const REASON = 123

/** What goes out with a close. */
export const closeFrame = (code: number, reason: string): Buffer => {
  let said = Buffer.from(reason)
  // Never in the middle of a character.
  for (let end = REASON; said.length > REASON; end--) if ((said[end]! & 0xc0) !== 0x80) said = said.subarray(0, end)
  const payload = Buffer.allocUnsafe(2 + said.length)
  payload.writeUInt16BE(code, 0)
  payload.set(said, 2)
  return frame(CLOSE_FRAME, payload)
}

/** Bytes of a frame's payload. */
export const payloadBytes = (bytes: Uint8Array): number =>
  bytes.length - (bytes[1]! < 126 ? 2 : bytes[1] === 126 ? 4 : 10)
