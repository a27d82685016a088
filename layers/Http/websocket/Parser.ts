/**
 * Reads what a client sends over a WebSocket: RFC 6455 §5. State without a socket.
 *
 *   YP1  What a client may not send ends it with the code that says why, and nothing behind it is read: frames that are not masked, reserved bits and
 *        opcodes, control frames that are long or in pieces, continuations of nothing, lengths that are not written in the shortest way.
 *   YP2  A message has at most `largest` bytes in at most `PIECES` frames: one that says more is refused by its head, before its bytes are kept.
 *   YP3  Only text is taken, and only well-formed UTF-8: it is never read as other text. Of a socket that is binary, only what is binary.
 */
import { isUtf8 } from "node:buffer"
import { BINARY, CLOSE_FRAME, CONTINUATION, PING, PONG, TEXT } from "../../../src/edge/websocket/Frame.ts"
import { CLOSE } from "../../../src/edge/websocket/Socket.ts"

/** Frames of one message. YP2 */
export const PIECES = 1_024
const CONTROL_BYTES = 125
/** Bytes that small pieces are gathered in. */
const BLOCK = 16_384
const NOTHING = Buffer.allocUnsafeSlow(0)

export type Heard =
  | { readonly is: "message"; readonly bytes: Buffer }
  | { readonly is: "ping" | "pong"; readonly bytes: Buffer }
  /** `code` undefined: it gave none. */
  | { readonly is: "close"; readonly code: number | undefined }
  /** What it sent is wrong. YP1 */
  | { readonly is: "wrong"; readonly code: number; readonly why: string }

const wrong = (why: string, code: number = CLOSE.protocol): Heard => ({ is: "wrong", code, why })

interface Head {
  readonly last: boolean
  readonly opcode: number
  readonly length: number
  readonly mask: number
}

export class Parser {
  /** Bytes of a message. YP2 */
  largest: number
  readonly #isBinary: boolean
  #chunks: Array<Buffer> = []
  #held = 0
  #head: Head | undefined
  #pieces: Array<Buffer> = []
  #size = 0
  #begun = false
  #over = false
  #gathering = { block: NOTHING, used: 0 }

  constructor(largest: number, isBinary = false) {
    this.largest = largest
    this.#isBinary = isBinary
  }

  /** Bytes that came and were not given yet. */
  get bytes(): number {
    return this.#held + this.#size
  }

  add(chunk: Buffer): void {
    if (this.#over || chunk.length === 0) return
    this.#held += chunk.length
    // Most chunks are whole messages: one that nothing waits for is read where it is.
    if (chunk.length >= BLOCK / 16 || this.#chunks.length === 0) this.#chunks.push(chunk)
    else this.#gather(chunk)
  }

  /** The next that came whole; undefined: more has to come. */
  next(): Heard | undefined {
    while (!this.#over) {
      if (this.#head === undefined) {
        const head = this.#readHead()
        if (head === undefined) return undefined
        if ("is" in head) return this.#end(head)
        this.#head = head
      }
      const { length } = this.#head
      if (this.#held < length) return undefined
      const { opcode, last, mask } = this.#head
      const payload = unmasked(this.#take(length), mask)
      this.#head = undefined
      const heard = opcode >= CLOSE_FRAME ? control(opcode, payload) : this.#piece(payload, last)
      if (heard === undefined) continue
      return heard.is === "wrong" || heard.is === "close" ? this.#end(heard) : heard
    }
    return undefined
  }

  /** Small pieces go into blocks together: what is sent byte by byte takes no more room than it has. */
  #gather(chunk: Buffer): void {
    const { block, used } = this.#gathering
    const last = this.#chunks.at(-1)
    const fits = block.length - used >= chunk.length
    if (fits && last?.buffer === block.buffer) {
      block.set(chunk, used)
      this.#chunks[this.#chunks.length - 1] = block.subarray(used - last.length, used + chunk.length)
      this.#gathering.used += chunk.length
    } else {
      const fresh = Buffer.allocUnsafeSlow(BLOCK)
      fresh.set(chunk)
      this.#gathering = { block: fresh, used: chunk.length }
      this.#chunks.push(fresh.subarray(0, chunk.length))
    }
  }

  #end(heard: Heard): Heard {
    this.#over = true
    this.#chunks = []
    this.#pieces = []
    this.#held = 0
    this.#size = 0
    return heard
  }

  #readHead(): Head | Heard | undefined {
    if (this.#held < 2) return undefined
    const start = this.#peek(2)
    const [first, second] = [start[0]!, start[1]!]
    const opcode = first & 15
    const last = (first & 128) !== 0
    const short = second & 127
    if ((first & 0x70) !== 0) return wrong("a reserved bit is set")
    if ((second & 128) === 0) return wrong("a frame is not masked")
    const before = this.#whyNot(opcode, last, short)
    if (before !== undefined) return before
    const extra = short === 126 ? 2 : short === 127 ? 8 : 0
    const size = 2 + extra + 4
    if (this.#held < size) return undefined
    const bytes = this.#peek(size)
    const length = extra === 0 ? short : extra === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
    if ((extra === 2 && length < 126) || (extra === 8 && length < 65_536))
      return wrong("a length is written longer than it needs")
    if (opcode < CLOSE_FRAME && this.#size + length > this.largest)
      return wrong(`a message has more than ${this.largest} bytes`, CLOSE.tooLarge) // YP2
    this.#skip(size)
    return { last, opcode, length, mask: bytes.readUInt32BE(size - 4) }
  }

  #whyNot(opcode: number, last: boolean, short: number): Heard | undefined {
    if (opcode >= CLOSE_FRAME) {
      if (opcode > PONG) return wrong("there is no such control frame")
      if (!last) return wrong("a control frame is in pieces")
      return short > CONTROL_BYTES ? wrong("a control frame is too long") : undefined
    }
    const [kind, other] = this.#isBinary ? [BINARY, TEXT] : [TEXT, BINARY]
    if (opcode === other) return wrong(`a message is ${this.#isBinary ? "text" : "no text"}`, CLOSE.notText) // YP3
    if (opcode !== kind && opcode !== CONTINUATION) return wrong("there is no such frame")
    if ((opcode === CONTINUATION) !== this.#begun)
      return wrong(opcode === CONTINUATION ? "nothing is continued" : "a message began within another")
    return this.#pieces.length >= PIECES ? wrong("a message is in too many pieces", CLOSE.refused) : undefined
  }

  #piece(payload: Buffer, last: boolean): Heard | undefined {
    this.#begun = !last
    if (!last) {
      this.#pieces.push(payload)
      this.#size += payload.length
      return undefined
    }
    const bytes = this.#pieces.length === 0 ? payload : Buffer.concat([...this.#pieces, payload])
    this.#pieces = []
    this.#size = 0
    return this.#isBinary || isUtf8(bytes) ? { is: "message", bytes } : wrong("a message is no UTF-8", CLOSE.noUtf8) // YP3
  }

  #peek(size: number): Buffer {
    const first = this.#chunks[0]!
    if (first.length >= size) return first.subarray(0, size)
    this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0]!.subarray(0, size)
  }

  /** Bytes that are nobody else's. */
  #take(size: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(size)
    this.#skip(size, bytes)
    return bytes
  }

  #skip(size: number, into?: Buffer): void {
    let at = 0
    while (at < size) {
      const chunk = this.#chunks[0]!
      const taken = Math.min(chunk.length, size - at)
      into?.set(chunk.subarray(0, taken), at)
      at += taken
      if (taken === chunk.length) this.#chunks.shift()
      else this.#chunks[0] = chunk.subarray(taken)
    }
    this.#held -= size
  }
}

const unmasked = (bytes: Buffer, mask: number): Buffer => {
  const by = [mask >>> 24, (mask >>> 16) & 255, (mask >>> 8) & 255, mask & 255] as const
  for (let i = 0; i < bytes.length; i++) bytes[i]! ^= by[(i & 3) as 0 | 1 | 2 | 3]
  return bytes
}

const control = (opcode: number, bytes: Buffer): Heard => {
  if (opcode !== CLOSE_FRAME) return { is: opcode === PING ? "ping" : "pong", bytes }
  if (bytes.length === 0) return { is: "close", code: undefined }
  if (bytes.length === 1) return wrong("a close has half a code")
  const code = bytes.readUInt16BE(0)
  const known = (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999)
  if (!known) return wrong("a close has a code that there is not")
  return isUtf8(bytes.subarray(2))
    ? { is: "close", code }
    : wrong("a close has a reason that is no UTF-8", CLOSE.noUtf8)
}
