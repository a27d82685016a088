/**
 * One simulated client: a TCP connection of its own, HTTP/2 by hand, one Subscribe call, an answer to every update.
 *
 *   BC1  What a peer may send is bounded by windows, which are opened again when half of them is used.
 *   BC2  Nothing is sent beyond the peer's windows: answers wait until it opens them.
 */

import { Connected, type Meeting } from "./Connected.ts"
import type { Crowd } from "./Crowd.ts"
import * as Frames from "./Frames.ts"
import { heartbeatRequest, readUpdate, type Seen } from "./Wire.ts"

const seen: Seen = { kind: 0, key: "", version: 0, revision: 0, stale: false, at: 0, digest: "", epoch: "" }

export interface Opening extends Meeting {
  /** All that is said at once, and how many bytes of it are the first message. */
  readonly opening: Buffer
  readonly first: number
}

const heartbeat = Frames.dataFrame(heartbeatRequest())

export class Client extends Connected {
  /** What came of a frame, and of a message, that isn't whole yet. */
  #rest: Buffer | undefined
  #message: Buffer | undefined
  #received = 0
  #receivedOnStream = 0
  #mayOnConnection = Frames.DEFAULT_WINDOW
  #mayOnStream = Frames.DEFAULT_WINDOW
  #peerWindow = Frames.DEFAULT_WINDOW
  #out: Array<Buffer> = []
  #held: Array<Buffer> = []

  constructor(crowd: Crowd, { opening, first, ...meeting }: Opening) {
    super(crowd, meeting, opening)
    this.#mayOnConnection -= first
    this.#mayOnStream -= first
  }

  override beat(): void {
    super.beat()
    this.#send(heartbeat)
    this.#flush()
  }

  protected override read(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    while (bytes.length - at >= 9) {
      const length = bytes.readUIntBE(at, 3)
      const end = at + 9 + length
      if (end > bytes.length) break
      this.#hear(bytes[at + 3]!, bytes[at + 4]!, bytes, at + 9, end)
      at = end
    }
    this.#rest = at === bytes.length ? undefined : bytes.subarray(at)
    this.#flush()
  }

  #hear(type: number, flags: number, bytes: Buffer, start: number, end: number): void {
    switch (type) {
      case Frames.DATA: {
        this.#count(end - start)
        const padded = (flags & Frames.PADDED) !== 0
        this.#data(bytes, padded ? start + 1 : start, padded ? end - bytes[start]! : end)
        if (flags & Frames.END_STREAM) this.end("the server ended the stream")
        return
      }
      case Frames.HEADERS:
        if (flags & Frames.END_STREAM) this.end("the server ended the stream with a status")
        return
      case Frames.RST_STREAM:
        this.end(`the server reset the stream with the code ${bytes.readUInt32BE(start)}`)
        return
      case Frames.GOAWAY:
        this.end(`the server sent GOAWAY with the code ${bytes.readUInt32BE(start + 4)}`)
        return
      case Frames.PING:
        if ((flags & Frames.ACK) === 0)
          this.#out.push(Frames.frame(Frames.PING, Frames.ACK, 0, bytes.subarray(start, end)))
        return
      case Frames.SETTINGS:
        if ((flags & Frames.ACK) === 0) this.#settings(bytes, start, end)
        return
      case Frames.WINDOW_UPDATE: {
        const by = bytes.readUInt32BE(start)
        if (bytes.readUInt32BE(start - 4) === 0) this.#mayOnConnection += by
        else this.#mayOnStream += by
        for (const frame of this.#held.splice(0)) this.#send(frame)
      }
    }
  }

  #settings(bytes: Buffer, start: number, end: number): void {
    for (let at = start; at < end; at += 6) {
      if (bytes.readUInt16BE(at) !== Frames.INITIAL_WINDOW_SIZE) continue
      const size = bytes.readUInt32BE(at + 2)
      this.#mayOnStream += size - this.#peerWindow
      this.#peerWindow = size
    }
    this.#out.push(Frames.frame(Frames.SETTINGS, Frames.ACK, 0, Buffer.alloc(0)))
  }

  /** BC1 */
  #count(bytes: number): void {
    this.#received += bytes
    this.#receivedOnStream += bytes
    if (this.#received < Frames.WINDOW / 2) return
    this.#out.push(Frames.windowUpdate(0, this.#received), Frames.windowUpdate(Frames.STREAM, this.#receivedOnStream))
    this.#received = this.#receivedOnStream = 0
  }

  #data(bytes: Buffer, start: number, end: number): void {
    let from = bytes
    let at = start
    let until = end
    if (this.#message !== undefined) {
      from = Buffer.concat([this.#message, bytes.subarray(start, end)])
      at = 0
      until = from.length
    }
    while (until - at >= 5) {
      const next = at + 5 + from.readUInt32BE(at + 1)
      if (next > until) break
      readUpdate(from, at + 5, next, seen)
      const answer = this.crowd.received(this, seen)
      if (answer !== undefined) this.#send(answer)
      at = next
    }
    this.#message = at === until ? undefined : Buffer.from(from.subarray(at, until))
  }

  /** A DATA frame, when the peer's windows allow. BC2 */
  #send(frame: Buffer): void {
    const size = frame.length - 9
    if (this.#held.length > 0 || size > this.#mayOnConnection || size > this.#mayOnStream) {
      this.#held.push(frame)
      return
    }
    this.#mayOnConnection -= size
    this.#mayOnStream -= size
    this.#out.push(frame)
  }

  #flush(): void {
    if (this.#out.length === 0 || this.over) return
    this.socket.write(this.#out.length === 1 ? this.#out[0]! : Buffer.concat(this.#out))
    this.#out = []
  }
}
