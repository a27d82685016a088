/**
 * One connection of a client, as a server sees it (RFC 9113): without a socket and without timers, so all of it can be tried in any order.
 *
 *   CC11 Whatever a peer sends is taken, or answered as the RFC has it: of a stream with RST_STREAM, of the connection with GOAWAY, after which
 *        nothing more of it is looked at.
 *   CC12 A peer that does more than a row of Protections.ts allows loses its connection (ENHANCE_YOUR_CALM) or its stream, and is counted.
 *   CC13 A connection leaves in two steps: GOAWAY that forbids nothing yet, and once the peer has answered a PING, one that says which
 *        streams were taken. Those go on to their end.
 */
import { Blocks } from "./Blocks.ts"
import * as F from "./Frames.ts"
import { HpackError } from "./Hpack.ts"
import { Life, type Times } from "./Life.ts"
import { Outgoing, type Wire } from "./Outgoing.ts"
import { type BucketName, Buckets, bounds, buckets } from "./Protections.ts"
import type { Request } from "./Request.ts"
import type { Stream } from "./Stream.ts"
import { RECEIVE, StreamTable } from "./StreamTable.ts"
import type { Unsent } from "./Unsent.ts"

const { Code, Flag, Setting, Type, wrong } = F

export interface ConnectionOptions {
  readonly wire: Wire
  readonly unsent: Unsent
  readonly maxStreams: number
  /** D4 */
  readonly unread?: number | undefined
  /** A request came. `tooLong`: its header list is, and what is missing of it is unknown. It sets `listener`. */
  readonly onStream: (stream: Stream, request: Request, tooLong: boolean) => void
  readonly refuse: (reason: string) => void
  /** Something threw that never should. */
  readonly defect: (error: unknown) => void
  /** Milliseconds, of a clock that only goes forward. */
  readonly now: () => number
  readonly times: Times
  /** Random, from 0 to 1: so that those who came together don't leave together. */
  readonly spread: number
}

export class Connection {
  readonly #options: ConnectionOptions
  readonly #outgoing: Outgoing
  readonly #reader = new F.FrameReader((...frame) => this.#onFrame(...frame))
  readonly #blocks = new Blocks((id, end, decoded) => this.#streams.headers(id, end, decoded))
  readonly #buckets = new Buckets()
  readonly #streams: StreamTable
  readonly #life: Life
  #preface = 0
  #state: "preface" | "settings" | "open" | "failed" | "gone" = "preface"
  /** `outgoing.sent`, when the last PING and WINDOW_UPDATE came. */
  #sentAtPing = 0
  #sentAtWindow = 0
  /** The largest header list that the peer takes, in bytes. */
  maxList = Number.POSITIVE_INFINITY

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#outgoing = new Outgoing(options.wire, options.unsent, (error) => this.#failed(error))
    this.#life = new Life(options.times, options.now(), options.spread)
    this.#streams = new StreamTable({
      outgoing: this.#outgoing,
      maxStreams: options.maxStreams,
      unread: options.unread,
      onStream: (...came) => {
        this.#life.busy()
        options.onStream(...came)
      },
      refuse: options.refuse,
      count: (name) => this.#count(name),
      onIdle: () => this.#idle(),
      isLeaving: () => this.#life.leaving === "gone"
    })
    this.#outgoing.frame(
      Buffer.concat([
        F.settingsFrame([
          [Setting.MAX_CONCURRENT_STREAMS, options.maxStreams],
          [Setting.MAX_HEADER_LIST_SIZE, bounds.list.bound]
        ]),
        F.windowFrame(0, RECEIVE - F.WINDOW)
      ])
    )
  }

  get streams(): number {
    return this.#streams.size
  }

  get isGone(): boolean {
    return this.#state === "gone"
  }

  /** Takes what arrived; keeps none of it. CC11 */
  receive(chunk: Buffer): void {
    this.#life.heard(this.#options.now())
    let rest = chunk
    try {
      if (this.#state === "preface") rest = this.#takePreface(chunk)
      if (this.#state !== "failed" && this.#state !== "gone") this.#reader.push(rest)
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown) {
    if (error instanceof Stopped) return
    if (error instanceof F.ConnectionError) return this.#fail(error.code, error.message, error.refused)
    if (error instanceof HpackError) return this.#fail(Code.COMPRESSION_ERROR, error.message)
    this.#fail(Code.INTERNAL_ERROR, "this connection met a fault of the server")
    this.#options.defect(error)
  }

  /** The peer read what waited for it. */
  drained(): void {
    this.#outgoing.drained()
  }

  /** RFC 9113 §3.4 */
  #takePreface(chunk: Buffer): Buffer {
    const length = Math.min(chunk.length, F.PREFACE.length - this.#preface)
    if (chunk.compare(F.PREFACE, this.#preface, this.#preface + length, 0, length) !== 0)
      throw wrong("what came is no HTTP/2", "3.4")
    this.#preface += length
    if (this.#preface === F.PREFACE.length) this.#state = "settings"
    return chunk.subarray(length)
  }

  #onFrame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number, length: number) {
    if (this.#state === "failed" || this.#state === "gone") throw new Stopped()
    const { unfinished } = this.#blocks
    if (unfinished !== undefined && (type !== Type.CONTINUATION || id !== unfinished))
      throw wrong("a frame stands between those of a block", "6.10")
    if (this.#state === "settings") {
      if (type !== Type.SETTINGS || (flags & Flag.ACK) !== 0) throw wrong("SETTINGS do not come first", "3.4")
      this.#state = "open"
      this.#life.opened()
    }
    switch (type) {
      case Type.DATA:
        return this.#streams.data(id, flags, bytes, start, end, length)
      case Type.HEADERS:
        return this.#blocks.headers(id, flags, bytes, start, end)
      case Type.CONTINUATION:
        return this.#blocks.continuation(flags, bytes, start, end)
      case Type.PRIORITY:
        this.#count("priorities")
        if (length !== 5) return this.#streams.refuse(id, Code.FRAME_SIZE_ERROR)
        if ((bytes.readUInt32BE(start) & 0x7fffffff) === id) this.#streams.refuse(id, Code.PROTOCOL_ERROR)
        return
      case Type.RST_STREAM:
        return this.#streams.wasReset(id)
      case Type.SETTINGS:
        return this.#onSettings(flags, bytes, start, end)
      case Type.PING:
        return this.#onPing(flags, bytes.subarray(start, end))
      case Type.WINDOW_UPDATE:
        return this.#onWindow(id, bytes.readUInt32BE(start) & 0x7fffffff)
      default: // GOAWAY as well: whatever a client says of its going, its calls tell
        this.#count("unknown")
    }
  }

  /** CC12 */
  #count(name: BucketName): void {
    if (!this.#buckets.take(name, this.#options.now()))
      throw new F.ConnectionError(Code.ENHANCE_YOUR_CALM, `too many ${buckets[name].counts}`, name)
  }

  /** Its caller is unknown, or its call was refused. CC12 */
  met(name: "strangers" | "refused"): void {
    if (this.#state === "open" && !this.#buckets.take(name, this.#options.now()))
      this.#fail(Code.ENHANCE_YOUR_CALM, `too many ${buckets[name].counts}`, "strangers")
  }

  #onSettings(flags: number, bytes: Buffer, start: number, end: number): void {
    if ((flags & Flag.ACK) !== 0) {
      if (this.#streams.acknowledged) throw wrong("SETTINGS are acknowledged that were not sent", "6.5.3")
      this.#streams.acknowledged = true
      this.#life.acknowledged()
      return
    }
    this.#count("settings")
    for (let at = start; at < end; at += 6) this.#onSetting(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2))
    this.#outgoing.answer(F.SETTINGS_ACK)
  }

  /** RFC 9113 §6.5.2 */
  #onSetting(setting: number, value: number): void {
    switch (setting) {
      case Setting.ENABLE_PUSH:
        if (value > 1) throw wrong("ENABLE_PUSH is neither 0 nor 1", "6.5.2")
        return
      case Setting.MAX_FRAME_SIZE:
        if (value < F.FRAME_BYTES || value > 16_777_215) throw wrong("MAX_FRAME_SIZE is none", "6.5.2")
        return
      case Setting.MAX_HEADER_LIST_SIZE:
        this.maxList = value
        return
      case Setting.INITIAL_WINDOW_SIZE:
        this.#streams.initialWindow(value)
    }
  }

  #onPing(flags: number, opaque: Buffer) {
    if ((flags & Flag.ACK) !== 0) {
      const what = this.#life.answered(opaque)
      return what === "leave" ? this.#sayLast() : what === undefined && this.#count("unknown")
    }
    const { sent } = this.#outgoing
    if (sent === this.#sentAtPing) this.#count("pings")
    this.#sentAtPing = sent
    this.#outgoing.answer(F.pingFrame(opaque, true))
  }

  #onWindow(id: number, by: number) {
    const { sent } = this.#outgoing
    this.#buckets.give("windows", 2 * (sent - this.#sentAtWindow))
    this.#sentAtWindow = sent
    this.#count("windows")
    if (id !== 0) return this.#streams.window(id, by)
    if (by === 0) throw wrong("WINDOW_UPDATE by 0", "6.9")
    if (!this.#outgoing.window.grow(by))
      throw new F.ConnectionError(Code.FLOW_CONTROL_ERROR, "a window beyond 2^31 - 1 (RFC 9113 §6.9.1)")
    this.#outgoing.resume()
  }

  #idle(): void {
    this.#life.idle(this.#options.now())
    if (this.#life.leaving === "gone") this.#end()
  }

  /** CC13 */
  shutdown() {
    if (this.#state === "failed" || this.#state === "gone" || this.#life.leaving !== undefined) return
    this.#outgoing.frame(F.goawayFrame(F.MAX_WINDOW, Code.NO_ERROR))
    this.#outgoing.frame(F.pingFrame(this.#life.leave(this.#options.now()), false))
  }

  #sayLast(): void {
    if (this.#state === "failed" || this.#state === "gone" || this.#life.leaving === "gone") return
    this.#life.leaving = "gone"
    this.#outgoing.frame(F.goawayFrame(this.#streams.lastId, Code.NO_ERROR))
    if (this.#streams.size === 0) this.#end()
  }

  /** CC11 */
  #fail(code: F.Code, text: string, refused?: string): void {
    if (this.#state === "failed" || this.#state === "gone") return
    if (refused !== undefined) this.#options.refuse(refused)
    this.#outgoing.frame(F.goawayFrame(this.#streams.lastId, code, text))
    this.#end()
  }

  /** Writes what is left, and reads a little longer: a peer that still sends would lose the GOAWAY to a TCP reset. */
  #end(): void {
    if (this.#state === "failed" || this.#state === "gone") return
    this.#state = "failed"
    this.#life.failed(this.#options.now())
    this.#outgoing.close(true)
    this.#streams.close()
    this.#options.wire.end()
  }

  /** The socket is closed. */
  gone(): void {
    if (this.#state === "gone") return
    this.#state = "gone"
    this.#outgoing.close(false)
    this.#streams.close()
  }

  destroy(): void {
    this.#options.wire.destroy()
    this.gone()
  }

  /** About once a second: what time brings. CC12, CC13 */
  tick(now: number) {
    this.#streams.tick(now)
    const what = this.#life.due(now)
    switch (what) {
      case "ping":
        return this.#outgoing.frame(F.pingFrame(this.#life.ask(now), false))
      case "leave":
        return this.shutdown()
      case "last":
        return this.#sayLast()
      case "end":
        return this.destroy()
      case "preface":
      case "silence":
        this.#options.refuse(what)
        this.destroy()
    }
  }
}

/** Ends the reading of a chunk of a connection that failed meanwhile. */
class Stopped extends Error {}
