/**
 * Header blocks, of however many frames. Pure.
 *
 *   CC17 Between the frames of a block nothing else may stand; of an unfinished one no more is kept than its bound, in frames and in bytes.
 */
import { Code, ConnectionError, Flag, wrong } from "./Frames.ts"
import { type Decoded, HpackDecoder } from "./Hpack.ts"
import { bounds } from "./Protections.ts"

interface Block {
  readonly id: number
  readonly end: boolean
  readonly parts: Array<Buffer>
  bytes: number
}

export type OnHeaders = (id: number, end: boolean, decoded: Decoded) => void

/** A whole block is read whatever becomes of its stream, or the table would no longer be the peer's. */
export class Blocks {
  readonly #onHeaders: OnHeaders
  readonly #hpack = new HpackDecoder(bounds.list.bound)
  #block: Block | undefined

  constructor(onHeaders: OnHeaders) {
    this.#onHeaders = onHeaders
  }

  /** The stream whose block is not finished. */
  get unfinished(): number | undefined {
    return this.#block?.id
  }

  headers(id: number, flags: number, bytes: Buffer, start: number, stop: number) {
    const end = (flags & Flag.END_STREAM) !== 0
    if ((flags & Flag.END_HEADERS) !== 0) return this.#onHeaders(id, end, this.#hpack.decode(bytes, start, stop))
    this.#block = { id, end, parts: [], bytes: 0 }
    this.#gather(this.#block, bytes, start, stop)
  }

  continuation(flags: number, bytes: Buffer, start: number, end: number): void {
    const block = this.#block
    if (block === undefined) throw wrong("CONTINUATION of no block", "6.10")
    this.#gather(block, bytes, start, end)
    if ((flags & Flag.END_HEADERS) === 0) return
    this.#block = undefined
    this.#onHeaders(block.id, block.end, this.#hpack.decode(Buffer.concat(block.parts)))
  }

  #gather(block: Block, bytes: Buffer, start: number, end: number): void {
    block.bytes += end - start
    const [many, large] = [block.parts.length > bounds.continuations.bound, block.bytes > bounds.block.bound]
    const name = many ? "continuations" : "block"
    if (many || large)
      throw new ConnectionError(Code.ENHANCE_YOUR_CALM, `more than ${bounds[name].bound} ${bounds[name].counts}`, name)
    block.parts.push(Buffer.from(bytes.subarray(start, end)))
  }
}
