/** HTTP/2 frames (RFC 9113 §4, §6) and header fields (RFC 7541 §6.2.2) written by hand: what one gRPC call needs and no more. Pure. */

export const DATA = 0
export const HEADERS = 1
export const RST_STREAM = 3
export const SETTINGS = 4
export const PING = 6
export const GOAWAY = 7
export const WINDOW_UPDATE = 8

export const END_STREAM = 0x1
export const ACK = 0x1
export const PADDED = 0x8
const END_HEADERS = 0x4

/** The stream that the call is on. */
export const STREAM = 1
/** Bytes that may be under way to us. */
export const WINDOW = 1_048_576
/** Both windows' size before anything is said (RFC 9113 §6.9.2). */
export const DEFAULT_WINDOW = 65_535
export const INITIAL_WINDOW_SIZE = 4
/** Bytes of a frame's body before anything else is said (RFC 9113 §6.5.2). */
const MAX_FRAME = 16_384

export const frame = (type: number, flags: number, stream: number, body: Uint8Array): Buffer => {
  const bytes = Buffer.allocUnsafe(9 + body.length)
  bytes.writeUIntBE(body.length, 0, 3)
  bytes[3] = type
  bytes[4] = flags
  bytes.writeUInt32BE(stream, 5)
  bytes.set(body, 9)
  return bytes
}

/** A gRPC message: not compressed, its length, itself. */
export const dataFrame = (message: Uint8Array): Buffer => {
  const body = Buffer.allocUnsafe(5 + message.length)
  body[0] = 0
  body.writeUInt32BE(message.length, 1)
  body.set(message, 5)
  return frame(DATA, 0, STREAM, body)
}

/** A gRPC message that may be longer than a frame. */
const dataFrames = (message: Uint8Array): Buffer => {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  const whole = Buffer.concat([prefix, message])
  if (whole.length > DEFAULT_WINDOW)
    throw new Error("the first message is larger than the window that a peer begins with")
  const frames: Array<Buffer> = []
  for (let at = 0; at < whole.length; at += MAX_FRAME)
    frames.push(frame(DATA, 0, STREAM, whole.subarray(at, at + MAX_FRAME)))
  return Buffer.concat(frames)
}

export const windowUpdate = (stream: number, by: number): Buffer => {
  const body = Buffer.allocUnsafe(4)
  body.writeUInt32BE(by)
  return frame(WINDOW_UPDATE, 0, stream, body)
}

/** RFC 7541 §5.1 with a prefix of 7 bits, the string as it is. */
const text = (value: string): Buffer => {
  const bytes = Buffer.from(value, "latin1")
  const length: Array<number> = []
  let left = bytes.length
  if (left < 127) length.push(left)
  else {
    length.push(127)
    for (left -= 127; left >= 128; left >>>= 7) length.push((left & 127) | 128)
    length.push(left)
  }
  return Buffer.concat([Buffer.from(length), bytes])
}

const header = (name: string, value: string): Buffer => Buffer.concat([Buffer.from([0]), text(name), text(value)])

const settings = (window: number): Buffer => {
  const body = Buffer.allocUnsafe(6)
  body.writeUInt16BE(INITIAL_WINDOW_SIZE)
  body.writeUInt32BE(window, 2)
  return frame(SETTINGS, 0, 0, body)
}

/** Windows as wide as they go (RFC 9113 §6.9.1). `from`: what that of the connection has. */
export const wideOpen = (from: number): Buffer =>
  Buffer.concat([settings(0x7fffffff), windowUpdate(0, 0x7fffffff - from)])

/** What the least of servers says to a call: settings, windows that never close, and headers (":status" 200, RFC 7541 appendix A). */
export const hello = (): Buffer =>
  Buffer.concat([
    wideOpen(DEFAULT_WINDOW),
    frame(SETTINGS, ACK, 0, Buffer.alloc(0)),
    frame(HEADERS, END_HEADERS, STREAM, Buffer.from([0x88]))
  ])

/** Everything that a client says at once: preface, settings, window, the call and its first message. */
export const opening = (
  authority: string,
  token: string,
  first: Uint8Array,
  path = "/herald.distribution.v1.DistributionService/Subscribe"
): Buffer =>
  Buffer.concat([
    Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1"),
    settings(WINDOW),
    windowUpdate(0, WINDOW - DEFAULT_WINDOW),
    frame(
      HEADERS,
      END_HEADERS,
      STREAM,
      Buffer.concat([
        header(":method", "POST"),
        header(":scheme", "http"),
        header(":path", path),
        header(":authority", authority),
        header("content-type", "application/grpc"),
        header("te", "trailers"),
        header("authorization", `Bearer ${token}`)
      ])
    ),
    dataFrames(first)
  ])
