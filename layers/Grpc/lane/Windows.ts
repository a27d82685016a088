/**
 * Flow control (RFC 9113 §5.2, §6.9). Pure.
 *
 *   CC1  A window never goes beyond 2^31 - 1, whether an update or a setting raises it; a setting may bring it below zero.
 *   CC2  What the peer may send is given back in few updates: once half of the window is used up, and never more than was taken.
 */
import { MAX_WINDOW } from "./Frames.ts"

/** What we may send. */
export class SendWindow {
  /** Bytes. */
  left: number
  constructor(size: number) {
    this.left = size
  }
  /** False when that is too much. CC1 */
  grow(by: number): boolean {
    if (this.left + by > MAX_WINDOW) return false
    this.left += by
    return true
  }
}

/** What the peer may send. */
export class ReceiveWindow {
  readonly #size: number
  #left: number
  #owed = 0
  constructor(size: number, left = size) {
    this.#size = size
    this.#left = left
  }
  get left(): number {
    return this.#left
  }
  /** False when it sent more than it may. */
  take(bytes: number): boolean {
    this.#left -= bytes
    return this.#left >= 0
  }
  /** Bytes to give to the peer now that so many more of its bytes are done with. CC2 */
  give(bytes: number): number {
    this.#owed += bytes
    if (this.#owed * 2 < this.#size) return 0
    const all = this.#owed
    this.#owed = 0
    this.#left += all
    return all
  }
}
