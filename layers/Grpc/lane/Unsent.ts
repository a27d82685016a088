/**
 * What waits to be sent on all connections of a server. Pure.
 *
 *   UB1  A message counts once, however many wait for it: all of them have the same bytes. What waits in a socket is a copy, and counts as one.
 *   UB2  Beyond the bound the connection on which most waits is cut, and then the next, until the rest fits. One that is read is not
 *        among them.
 */

/** A connection on which something waits. */
export interface Holder {
  /** Bytes, each message as often as it waits. */
  readonly unsent: number
  readonly cut: () => void
}

export class Unsent {
  readonly #bound: number
  readonly #holders = new Set<Holder>()
  /** How many streams each message waits in. */
  readonly #messages = new Map<Uint8Array, number>()
  #cutting = false
  /** UB1 */
  bytes = 0

  constructor(bound: number) {
    this.#bound = bound
  }

  hold(message: Uint8Array): void {
    const times = this.#messages.get(message) ?? 0
    this.#messages.set(message, times + 1)
    if (times === 0) this.bytes += message.length
  }

  release(message: Uint8Array): void {
    const times = this.#messages.get(message) ?? 0
    if (times > 1) this.#messages.set(message, times - 1)
    else if (this.#messages.delete(message)) this.bytes -= message.length
  }

  /** A copy, in bytes; below 0 when it is gone. */
  copied(bytes: number): void {
    this.bytes += bytes
  }

  /** Something waits on a connection now: whether that is too much is found out once this turn is done. */
  waits(holder: Holder): void {
    this.#holders.add(holder)
    if (this.bytes <= this.#bound || this.#cutting) return
    this.#cutting = true
    queueMicrotask(() => this.#cut())
  }

  /** Nothing waits on it any more. */
  clear(holder: Holder): void {
    this.#holders.delete(holder)
  }

  /** UB2 */
  #cut(): void {
    this.#cutting = false
    while (this.bytes > this.#bound) {
      let most: Holder | undefined
      for (const holder of this.#holders) if (most === undefined || holder.unsent > most.unsent) most = holder
      if (most === undefined) return
      this.#holders.delete(most)
      most.cut()
    }
  }
}
