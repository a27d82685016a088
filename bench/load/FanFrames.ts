/**
 * Cuts what Herald and etcd send: messages of gRPC in frames of HTTP/2. Of a message of Herald only its head, its first and its last event are
 * looked at, and that its length is that of all of them; one of etcd, whose events have no place that is known before, is read whole, and so is one of
 * Herald where it may be compressed.
 *
 *   BZ1  in FanEvent.ts
 */
import { zstdDecompressSync } from "node:zlib"
import { BinaryReader } from "@bufbuild/protobuf/wire"
import { ReadResponse } from "../../proto/generated/herald/topics/v1/topics.ts"
import { type Cutter, EVENT, type Followed, numberAt } from "./FanEvent.ts"
import * as Frames from "./Frames.ts"

const HEADER = 9
const PREFIX = 5
/** Of PING. */
const OPAQUE = 8
/** Of ReadResponse, with its type. */
const BATCH = 0x0a
/** Bytes from the beginning of a message that are kept: more than a head has. */
const HEAD = 2_048
/** Of an event of Herald, with what is before it. */
const SIZE = EVENT + 4
/** Of WatchResponse: created, events; of an event: kv; of that: value. */
const CREATED = 3
const EVENTS = 11
const KV = 2
const VALUE = 5

export class Calls implements Cutter {
  readonly followed: Followed
  readonly #protocol: "herald" | "packed" | "etcd"
  readonly #header = Buffer.alloc(HEADER)
  #inHeader = 0
  /** Bytes of the frame that are still to come, and whether they are DATA. */
  #left = 0
  #isData = false
  /** Bytes of the message that came, and all that it has, with its prefix. */
  #came = 0
  #length = PREFIX
  #head = Buffer.alloc(HEAD)
  readonly #tail = Buffer.alloc(SIZE)

  /** What is said to the server. */
  readonly #say: (bytes: Buffer) => void
  readonly #ping = Buffer.alloc(OPAQUE)

  /** `packed`: Herald, and what its log has compressed comes as it is. */
  constructor(protocol: "herald" | "packed" | "etcd", followed: Followed, say: (bytes: Buffer) => void) {
    this.#say = say
    this.#protocol = protocol
    this.followed = followed
  }

  read(bytes: Buffer, end: number): void {
    for (let at = 0; at < end; ) {
      if (this.#left > 0) {
        const to = Math.min(end, at + this.#left)
        if (this.#isData) this.#data(bytes, at, to)
        else if (this.#header[3] === Frames.PING) bytes.copy(this.#ping, OPAQUE - this.#left, at, to)
        this.#left -= to - at
        if (this.#left === 0) this.#ended()
        at = to
      } else {
        this.#header[this.#inHeader++] = bytes[at++]!
        if (this.#inHeader < HEADER) continue
        this.#inHeader = 0
        this.#left = this.#header.readUIntBE(0, 3)
        this.#isData = this.#header[3] === Frames.DATA
        if (this.#header[3] === Frames.RST_STREAM || this.#header[3] === Frames.GOAWAY) this.followed.told++
      }
    }
  }

  /** Whoever answers no PING is cut off. */
  #ended(): void {
    if (this.#header[3] === Frames.PING && (this.#header[4]! & Frames.ACK) === 0)
      this.#say(Frames.frame(Frames.PING, Frames.ACK, 0, this.#ping))
  }

  #data(bytes: Buffer, start: number, end: number): void {
    for (let at = start; at < end; ) {
      const to = Math.min(end, at + this.#length - this.#came)
      if (this.#protocol !== "herald" && this.#length > this.#head.length) {
        const more = Buffer.alloc(this.#length)
        this.#head.copy(more, 0, 0, this.#came)
        this.#head = more
      }
      if (this.#came < this.#head.length) bytes.copy(this.#head, this.#came, at, to)
      const tail = this.#length - SIZE
      const from = Math.max(this.#came, tail)
      if (tail > PREFIX && from < this.#came + to - at) bytes.copy(this.#tail, from - tail, at + from - this.#came, to)
      this.#came += to - at
      at = to
      if (this.#came < this.#length) continue
      if (this.#length === PREFIX) this.#length += this.#head.readUInt32BE(1)
      if (this.#came < this.#length) continue
      if (this.#protocol === "etcd") this.#watched()
      else if (this.#protocol === "packed" && this.#head[PREFIX] === BATCH) this.#unpacked()
      else this.#batch()
      this.#came = 0
      this.#length = PREFIX
    }
  }

  /** A batch, or something else that says that the reader is there. */
  #batch(): void {
    const head = this.#head
    if (head[PREFIX] === 0x1a) this.followed.ready = true
    if (head[PREFIX] !== BATCH) {
      if (head[PREFIX] === 0x12) this.followed.told++ // a gap
      return
    }
    let at = PREFIX + 1
    while (head[at++]! >= 128);
    while (at < this.#length && head[at] !== 0x32) {
      const type = head[at++]! & 7
      let length = 0
      for (let scale = 1; ; scale *= 128) {
        const byte = head[at++]!
        length += (byte & 127) * scale
        if (byte < 128) break
      }
      if (type === 2) at += length
    }
    if (at >= this.#length) return
    const count = (this.#length - at) / SIZE
    if (!Number.isInteger(count) || at + SIZE > HEAD) this.followed.wrong++
    const first = numberAt(head, at + 4)
    this.followed.events(first, count === 1 ? first : numberAt(this.#tail, 4), count)
  }

  #unpacked(): void {
    const { what } = ReadResponse.decode(this.#head.subarray(PREFIX, this.#length))
    if (what?.$case !== "batch") return
    const { compressed, events } = what.value
    if (compressed.length === 0) {
      const numbers = events.map(({ payload }) => numberAt(payload, 0))
      this.followed.events(numbers[0]!, numbers.at(-1)!, numbers.length)
      return
    }
    const bytes = zstdDecompressSync(compressed)
    const count = bytes.length / SIZE
    if (!Number.isInteger(count)) this.followed.wrong++
    this.followed.events(numberAt(bytes, 4), numberAt(bytes, bytes.length - SIZE + 4), count)
  }

  #watched(): void {
    const reader = new BinaryReader(this.#head.subarray(PREFIX, this.#length))
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag()
      if (field === CREATED) this.followed.ready ||= reader.bool()
      else if (field === EVENTS) this.#event(reader)
      else reader.skip(type)
    }
  }

  #event(reader: BinaryReader): void {
    const end = reader.uint32() + reader.pos
    while (reader.pos < end) {
      const [field, type] = reader.tag()
      if (field !== KV) {
        reader.skip(type)
        continue
      }
      const last = reader.uint32() + reader.pos
      while (reader.pos < last) {
        const [inKv, its] = reader.tag()
        if (inKv !== VALUE) reader.skip(its)
        else {
          const number = numberAt(reader.bytes(), 0)
          this.followed.events(number, number, 1)
        }
      }
    }
  }
}
