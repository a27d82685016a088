/**
 * What goes out on a connection: frames that are ready, and messages that wait for a window or for the peer to read.
 *
 *   CC5  In one turn of the event loop a connection writes once, however many frames of however many streams it has.
 *   CC6  Nothing of a stream goes beyond its window and the connection's; streams that wait take turns, a frame each.
 *   CC7  While the peer does not read, messages stay in their streams, and what waits is limited: in bytes, and in frames that answer it.
 */
import { Code, ConnectionError, WINDOW } from "./Frames.ts"
import type { Framed } from "./Framing.ts"
import { bounds } from "./Protections.ts"
import type { Sending } from "./Sending.ts"
import type { Holder, Unsent } from "./Unsent.ts"
import { SendWindow } from "./Windows.ts"

/** Where bytes go: a socket. */
export interface Wire {
  /** False when the peer has to read first; `Outgoing.drained` says that it did. */
  readonly write: (parts: ReadonlyArray<Buffer>, bytes: number) => boolean
  /** After what was written. */
  readonly end: () => void
  readonly destroy: () => void
}

/** Bytes of messages that are made ready for one write. */
const ONE_WRITE = 262_144

/** Bytes of frames that no window limits, while the peer does not read. CC7 */
const ANSWERS = 4_194_304

let dirty: Array<Outgoing> = []
const flushAll = () => {
  const list = dirty
  dirty = []
  for (const outgoing of list)
    try {
      outgoing.flush()
    } catch (error) {
      outgoing.failed(error) // one connection's, not those of all behind it
    }
}
/** CC5 */
const soon = (outgoing: Outgoing): void => {
  if (dirty.push(outgoing) === 1) process.nextTick(flushAll)
}

export class Outgoing implements Holder {
  readonly #wire: Wire
  readonly #unsent: Unsent
  readonly failed: (error: unknown) => void
  readonly window = new SendWindow(WINDOW)
  /** Counts writes. */
  turn = 0
  /** Bytes that wait in all streams. */
  waiting = 0
  /** Frames of streams that were made ready. */
  sent = 0
  /** Undefined: nothing is ready. */
  #parts: Array<Buffer> | undefined
  #bytes = 0
  #answers = 0
  /** Bytes that the socket has and the peer did not read. */
  #inSocket = 0
  #dirty = false
  #blocked = false
  #over = false
  readonly #ready: Array<Sending> = []
  #watched: Array<Sending> = []

  /** `failed`: someone who was called back threw. */
  constructor(wire: Wire, unsent: Unsent, failed: (error: unknown) => void) {
    this.#wire = wire
    this.#unsent = unsent
    this.failed = failed
  }

  get unsent(): number {
    return this.waiting + this.#inSocket
  }

  /** A message waits in a stream of this connection. UB2 */
  waits({ of, length }: Framed): void {
    this.waiting += length
    this.#unsent.hold(of)
    this.#unsent.waits(this)
  }

  waited({ of }: Framed): void {
    this.#unsent.release(of)
    if (this.unsent === 0) this.#unsent.clear(this)
  }

  /** UB2 */
  cut(): void {
    this.failed(new ConnectionError(Code.ENHANCE_YOUR_CALM, "what waits is not read", "unsent_in_all"))
  }

  #copied(bytes: number): void {
    this.#unsent.copied(bytes - this.#inSocket)
    this.#inSocket = bytes
    if (bytes > 0) this.#unsent.waits(this)
    else if (this.waiting === 0) this.#unsent.clear(this)
  }

  /** Whether messages may be made ready now. */
  get room(): boolean {
    return !this.#blocked && this.#bytes < ONE_WRITE && this.#ready.length === 0
  }

  #push(part: Buffer): void {
    if (this.#parts === undefined) this.#parts = [part]
    else this.#parts.push(part)
    this.#bytes += part.length
    if (this.#blocked && this.#bytes > ANSWERS && !this.#over)
      queueMicrotask(() => this.failed(new ConnectionError(Code.ENHANCE_YOUR_CALM, "nothing is read", "queued")))
    if (this.#dirty || this.#blocked || this.#over) return
    this.#dirty = true
    soon(this)
  }

  /** A frame that no window limits, of a stream. */
  frame(bytes: Buffer): void {
    this.sent++
    this.#push(bytes)
  }

  /** `frames`: how many it is. */
  data(first: Buffer, second?: Buffer, frames = 1): void {
    this.sent += frames
    this.#push(first)
    if (second === undefined) return
    this.#parts!.push(second)
    this.#bytes += second.length
  }

  /** A frame in answer to one of the peer's: throws when too many wait for it to read. CC7 */
  answer(bytes: Buffer): void {
    if (++this.#answers > bounds.queued.bound && !this.#blocked && this.#parts !== undefined) this.#write(this.#parts) // of this turn
    if (this.#answers > bounds.queued.bound)
      throw new ConnectionError(Code.ENHANCE_YOUR_CALM, "answers wait, and nothing of them is read", "queued")
    this.#push(bytes)
  }

  list(stream: Sending): void {
    if (stream.listed) return
    stream.listed = true
    this.#ready.push(stream)
    if (this.#dirty || this.#blocked || this.#over) return
    this.#dirty = true
    soon(this)
  }

  /** Its window grew. */
  resume(): void {
    if (this.#ready.length === 0 || this.#dirty || this.#blocked || this.#over) return
    this.#dirty = true
    soon(this)
  }

  watch(stream: Sending): void {
    this.#watched.push(stream)
    if (this.#dirty || this.#blocked || this.#over) return
    this.#dirty = true
    soon(this)
  }

  /** CC6 */
  #pump(): void {
    while (this.#ready.length > 0 && this.#bytes < ONE_WRITE && this.window.left > 0) {
      const stream = this.#ready.shift()!
      if (stream.next()) this.#ready.push(stream)
      else stream.listed = false
    }
  }

  #write(parts: ReadonlyArray<Buffer>): void {
    const bytes = this.#bytes
    this.#parts = undefined
    this.#bytes = this.#answers = 0
    this.turn++
    this.#blocked = !this.#wire.write(parts, bytes)
    if (this.#blocked) this.#copied(bytes)
  }

  flush(): void {
    if (this.#over || this.#blocked) {
      this.#dirty = false
      return
    }
    // It stays dirty meanwhile, so what is made ready in here asks for no other flush.
    this.#dirty = true
    this.#pump()
    if (this.#parts !== undefined) this.#write(this.#parts)
    this.#dirty = false
    if (this.#blocked || this.#over) return
    if (this.#ready.length > 0 && this.window.left > 0) {
      this.#dirty = true
      setImmediate(() => this.#flushNow())
    }
    if (this.#watched.length === 0) return
    const watched = this.#watched
    this.#watched = []
    for (const stream of watched) if (!stream.tellClear()) this.#watched.push(stream)
  }

  #flushNow(): void {
    try {
      this.flush()
    } catch (error) {
      this.failed(error)
    }
  }

  /** The peer read. */
  drained(): void {
    if (!this.#blocked) return
    this.#blocked = false
    this.#copied(0)
    this.#flushNow()
  }

  /** Lets go of everything, after a last write of what is ready if `last`. */
  close(last: boolean): void {
    if (this.#over) return
    if (last && this.#parts !== undefined) this.#wire.write(this.#parts, this.#bytes)
    this.#over = true
    this.#parts = undefined
    this.#copied(0)
    this.#unsent.clear(this)
    this.#watched = []
    this.#ready.length = this.#bytes = this.waiting = 0
  }
}
