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
  readonly #streams = new Map<number, Ended>()

  add(id: number, how: Ended) {
    if (this.#streams.size === KEPT) for (const oldest of this.#streams.keys()) return this.#replace(oldest, id, how)
    this.#streams.set(id, how)
  }

  #replace(oldest: number, id: number, how: Ended): void {
    this.#streams.delete(oldest)
    this.#streams.set(id, how)
  }

  /** Undefined: long ago. */
  how(id: number): Ended | undefined {
    return this.#streams.get(id)
  }

  get size(): number {
    return this.#streams.size
  }
}
