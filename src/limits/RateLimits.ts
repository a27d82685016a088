/**
 * Limits rates by name, with token buckets. Pure state.
 *
 *   LI1  A bucket never holds more than `burst` and gains `perSecond` tokens a second.
 *   LI2  At most `maxBuckets` are kept; a full bucket is forgotten first, which changes nothing for its owner.
 *   LI3  What costs more than one token takes that many, and never more than a full bucket holds: it is delayed, not impossible.
 */
export interface RateLimit {
  readonly perSecond: number
  readonly burst: number
}

interface Bucket {
  tokens: number
  at: number
}

export class RateLimits {
  readonly #buckets = new Map<string, Bucket>()
  readonly #limit: RateLimit
  readonly #maxBuckets: number

  constructor(limit: RateLimit, maxBuckets = 10_000) {
    this.#limit = limit
    this.#maxBuckets = maxBuckets
  }

  /** Takes `cost` tokens and returns 0, or the milliseconds until there are as many. `now`: milliseconds of a monotonic clock. */
  take(name: string, now: number, cost = 1): number {
    const { perSecond, burst } = this.#limit
    let bucket = this.#buckets.get(name)
    if (bucket === undefined) {
      if (this.#buckets.size >= this.#maxBuckets) this.#forget(now)
      bucket = { tokens: burst, at: now }
      this.#buckets.set(name, bucket)
    }
    bucket.tokens = Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.at) * perSecond) / 1_000) // LI1
    bucket.at = now
    const wanted = Math.min(cost, burst) // LI3
    if (bucket.tokens >= wanted) {
      bucket.tokens -= wanted
      return 0
    }
    return Math.max(1, Math.ceil(((wanted - bucket.tokens) * 1_000) / perSecond))
  }

  /** Whole tokens that a bucket has. */
  left(name: string, now: number): number {
    const { perSecond, burst } = this.#limit
    const { tokens, at } = this.#buckets.get(name) ?? { tokens: burst, at: now }
    return Math.floor(Math.min(burst, tokens + (Math.max(0, now - at) * perSecond) / 1_000))
  }

  /** The milliseconds until one more could be taken: 0, there is one now. */
  wait(name: string, now: number): number {
    const bucket = this.#buckets.get(name)
    if (bucket === undefined) return 0
    const { perSecond, burst } = this.#limit
    const tokens = Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.at) * perSecond) / 1_000)
    return tokens >= 1 ? 0 : Math.max(1, Math.ceil(((1 - tokens) * 1_000) / perSecond))
  }

  get size(): number {
    return this.#buckets.size
  }

  /** LI2 */
  #forget(now: number): void {
    const { perSecond, burst } = this.#limit
    for (const [name, { tokens, at }] of this.#buckets) {
      if (tokens + ((now - at) * perSecond) / 1_000 >= burst) this.#buckets.delete(name)
    }
    for (const name of this.#buckets.keys()) {
      if (this.#buckets.size < this.#maxBuckets) break
      this.#buckets.delete(name)
    }
  }
}
