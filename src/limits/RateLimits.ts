/**
 * Limits rates by name, with token buckets. Pure state.
 *
 *   LI1  A bucket never holds more than `burst` and gains `perSecond` tokens a second.
 *   LI2  At most `maxBuckets` are kept; a full bucket is forgotten, the least recently used first, which changes nothing for its owner. Where none is
 *        full, newcomers share buckets. LY1, LY2 in Kept.ts
 *   LI3  What costs more than one token takes that many, and never more than a full bucket holds: it is delayed, not impossible. What costs no number
 *        of tokens takes as many as that, too.
 */
import { Kept } from "./Kept.ts"
import { type RateLimit, TokenBucket } from "./TokenBucket.ts"

export type { RateLimit } from "./TokenBucket.ts"

export class RateLimits {
  readonly #limit: RateLimit
  readonly #buckets: Kept<TokenBucket>

  constructor(limit: RateLimit, maxBuckets = 10_000) {
    this.#limit = limit
    this.#buckets = new Kept({
      most: maxBuckets,
      make: (_, now) => new TokenBucket(limit, now),
      isNew: (bucket, now) => bucket.isFull(limit, now)
    })
  }

  /** Takes `cost` tokens and returns 0, or the milliseconds until there are as many. `now`: milliseconds of a monotonic clock. */
  take(name: string, now: number, cost = 1): number {
    return this.#buckets.of(name, now).take(this.#limit, now, cost)
  }

  /** Puts one that was taken back. */
  giveBack(name: string, now: number): void {
    this.#buckets.find(name)?.giveBack(this.#limit, now)
  }

  /** Whole tokens that a bucket has. */
  left(name: string, now: number): number {
    return this.#buckets.find(name)?.left(this.#limit, now) ?? Math.floor(this.#limit.burst)
  }

  /** The milliseconds until one more could be taken: 0, there is one now. */
  wait(name: string, now: number): number {
    return this.#buckets.find(name)?.wait(this.#limit, now) ?? 0
  }

  get size(): number {
    return this.#buckets.size
  }
}
