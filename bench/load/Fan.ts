/**
 * How events of one size are written and read in each protocol, so that one program can be the client of all. An event is 120 bytes, of which the
 * first 16 are its number.
 *
 *   BZ1  Whatever the protocol, what a reader gets is cut into events and their numbers are compared: one that is lost, doubled or out of order is
 *        counted.
 */
import { ReadRequest } from "../../proto/generated/herald/topics/v1/topics.ts"
import * as Frames from "./Frames.ts"

export const EVENT = 120
export const DIGITS = 16
const READ = "/herald.topics.v1.TopicService/Read"

export type Protocol = "herald" | "nats" | "redis"

const noise = Buffer.from(Array.from({ length: 65_536 }, () => 97 + Math.floor(Math.random() * 26)))

/** Writes event `number` at `at`. */
const put = (into: Buffer, at: number, number: number): void => {
  into.write(String(number).padStart(DIGITS, "0"), at, "latin1")
  const from = (number * 31) % (noise.length - EVENT)
  noise.copy(into, at + DIGITS, from, from + EVENT - DIGITS)
}

/** What stands before an event and behind it. */
const around: Readonly<Record<Protocol, readonly [before: Buffer, behind: string]>> = {
  herald: [Buffer.from([0x32, EVENT + 2, 0x12, EVENT]), ""],
  nats: [Buffer.from(`PUB t ${EVENT}\r\n`), "\r\n"],
  redis: [Buffer.from(`*3\r\n$7\r\nPUBLISH\r\n$1\r\nt\r\n$${EVENT}\r\n`), "\r\n"]
}

/** `count` events from `first` on, as they are published. */
export const batch = (protocol: Protocol, first: number, count: number): Buffer => {
  const [before, behind] = around[protocol]
  const head = protocol === "herald" ? 8 : 0
  const size = before.length + EVENT + behind.length
  const bytes = Buffer.allocUnsafe(head + count * size)
  if (head > 0) {
    bytes.writeUInt32BE(count * size, 0)
    bytes.writeUInt32BE(count, 4)
  }
  for (let n = 0; n < count; n++) {
    const at = head + n * size
    before.copy(bytes, at)
    put(bytes, at + before.length, first + n)
    bytes.write(behind, at + before.length + EVENT, "latin1")
  }
  return bytes
}

/** What a reader says first. */
export const opening = (protocol: Protocol): Buffer => {
  if (protocol === "nats") return Buffer.from('CONNECT {"verbose":false}\r\nSUB t 1\r\n')
  if (protocol === "redis") return Buffer.from("*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nt\r\n")
  const first = ReadRequest.encode(ReadRequest.fromPartial({ topic: "t" })).finish()
  return Buffer.concat([
    Frames.opening("127.0.0.1", "any", first, READ),
    Frames.wideOpen(Frames.WINDOW),
    Frames.frame(Frames.SETTINGS, Frames.ACK, 0, Buffer.alloc(0))
  ])
}

const marks = {
  nats: Buffer.from(`MSG t 1 ${EVENT}\r\n`),
  redis: Buffer.from(`*3\r\n$7\r\nmessage\r\n$1\r\nt\r\n$${EVENT}\r\n`)
}

const numberAt = (bytes: Buffer, at: number): number => {
  let number = 0
  for (let i = at; i < at + DIGITS; i++) number = number * 10 + bytes[i]! - 48
  return number
}

/** Cuts what one connection gets. `got`: events that follow each other, from `first` to before `next`. BZ1 */
export class Cutter {
  readonly #protocol: Protocol
  readonly #got: (first: number, next: number) => void
  #rest: Buffer | undefined
  #next = -1
  wrong = 0
  /** Its handshake is done. */
  ready = false

  constructor(protocol: Protocol, got: (first: number, next: number) => void) {
    this.#protocol = protocol
    this.#got = got
  }

  read(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    const end = this.#protocol === "herald" ? this.#frames(bytes) : this.#lines(bytes, marks[this.#protocol])
    this.#rest = end === bytes.length ? undefined : Buffer.from(bytes.subarray(end))
  }

  /** `count` events of `size` from `at` on, each with its number `into` it. */
  #events(bytes: Buffer, at: number, count: number, size: number, into: number): void {
    const first = numberAt(bytes, at + into)
    const last = numberAt(bytes, at + (count - 1) * size + into)
    if ((this.#next >= 0 && first !== this.#next) || last - first !== count - 1) this.wrong++
    this.#next = last + 1
    this.#got(first, last + 1)
  }

  #lines(bytes: Buffer, mark: Buffer): number {
    this.ready ||= bytes.includes(this.#protocol === "nats" ? "INFO" : "subscribe")
    const size = mark.length + EVENT + 2
    for (let from = 0; ; ) {
      // Something else may come first or in between: an answer to what was said, or a PING.
      const at = bytes.indexOf(mark, from)
      if (at < 0) return Math.max(from, bytes.length - mark.length)
      let count = Math.floor((bytes.length - at) / size)
      const isMark = (n: number) =>
        bytes.compare(mark, 0, mark.length, at + n * size, at + n * size + mark.length) === 0
      if (count > 0 && !isMark(count - 1)) for (let n = 1; n < count; n++) if (!isMark(n)) count = n
      if (count === 0) return at
      this.#events(bytes, at, count, size, mark.length)
      from = at + count * size
    }
  }

  #frames(bytes: Buffer): number {
    let at = 0
    while (bytes.length - at >= 9) {
      const end = at + 9 + bytes.readUIntBE(at, 3)
      if (end > bytes.length) break
      if (bytes[at + 3] === Frames.DATA) this.#message(bytes, at + 14, end)
      at = end
    }
    return at
  }

  /** A message that is one frame: a batch, or something else that says that the reader is there. */
  #message(bytes: Buffer, start: number, end: number): void {
    if (bytes[start] === 0x1a) this.ready = true
    if (bytes[start] !== 0x0a) return
    let at = start + 1
    while (bytes[at++]! >= 128);
    while (at < end && bytes[at] !== 0x32) {
      const type = bytes[at++]! & 7
      let length = 0
      for (let scale = 1; ; scale *= 128) {
        const byte = bytes[at++]!
        length += (byte & 127) * scale
        if (byte < 128) break
      }
      if (type === 2) at += length
    }
    const size = EVENT + 4
    if (at < end) this.#events(bytes, at, (end - at) / size, size, 4)
  }
}
