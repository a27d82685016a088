/**
 * What one stream holds of the bounds in bytes that all streams have: of items that were decoded and not yet begun, and of a value whose rest has
 * not come. Pure state. PM7 of PublishMany.ts
 *
 * Who waits for room holds none, or streams could wait for each other for ever: a message is paid for before it is decoded, and a value in parts
 * when its first part came, for its rest as well.
 */
import type { PublishRequest } from "../../../../proto/generated/herald/publishing/v1/publishing.ts"
import type { ByteBudget } from "../../../bounds/ByteBudget.ts"
import { VALUE_BYTES } from "../../../values/Limits.ts"
import { MESSAGE_BYTES } from "../Decode.ts"
import { ITEMS } from "./Decode.ts"
import { bytesOf } from "./Wire.ts"

/** Bytes of an item beside its text, about. */
const ITEM = 256

export const weightOf = (item: PublishRequest): number => ITEM + bytesOf(item)

/** The most that items of a message of so many bytes weigh: each byte may be a UTF-16 unit, and an item takes two at least. */
export const mostOf = (bytes: number): number => 2 * bytes + ITEM * Math.min(ITEMS, bytes >>> 1)

/** The most that an item weighs whose value comes in parts. */
export const PARTED = mostOf(MESSAGE_BYTES) + 2 * VALUE_BYTES

export class Claims {
  readonly #budget: ByteBudget
  readonly #owner: string
  #held = 0

  constructor(budget: ByteBudget, owner: string) {
    this.#budget = budget
    this.#owner = owner
  }

  /** Bytes that are not of an item that was begun. */
  get held(): number {
    return this.#held
  }

  /** False: there is no room, and nothing was taken. */
  take(bytes: number): boolean {
    if (!this.#budget.take(bytes, this.#owner)) return false
    this.#held += bytes
    return true
  }

  give(bytes: number): void {
    this.#held -= bytes
    this.#budget.give(bytes, this.#owner)
  }

  /** Leaves so much to an item that begins; call what this returns once, when it is answered. */
  leave(bytes: number): () => void {
    this.#held -= bytes
    return () => this.#budget.give(bytes, this.#owner)
  }

  /** The stream is over. */
  end(): void {
    this.give(this.#held)
  }
}
