/**
 * Remembers how streams ended, so that late frames of each are met as they should be. Pure.
 *
 *   CC4  Frames of a stream that we reset were on their way and are ignored; of one that its client reset or that ended, they are an error
 *        (RFC 9113 §5.1). The newest `KEPT` are remembered, whatever their number.
 */
export type Ended = "by us" | "by the peer" | "ended"

const KEPT = 128

export class Closed {
  /** In the order in which they ended. */
  #streams: Map<number, Ended> | undefined

  add(id: number, how: Ended) {
    const streams = (this.#streams ??= new Map())
    if (streams.size === KEPT)
      for (const oldest of streams.keys()) {
        streams.delete(oldest)
        break
      }
    streams.set(id, how)
  }

  /** Undefined: long ago. */
  how(id: number): Ended | undefined {
    return this.#streams?.get(id)
  }

  get size(): number {
    return this.#streams?.size ?? 0
  }
}
