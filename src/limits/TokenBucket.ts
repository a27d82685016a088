/** Tokens that come back at a rate. Pure state; LI1 and LI3 in RateLimits.ts. */
export interface RateLimit {
  readonly perSecond: number
  readonly burst: number
}

/** What is taken for a cost. LI3. What is no number of tokens takes all, as it would take none otherwise. */
export const priced = (cost: number, burst: number): number => (cost >= 0 ? Math.min(cost, burst) : burst)

export class TokenBucket {
  #tokens: number
  #at: number

  constructor({ burst }: RateLimit, now: number) {
    this.#tokens = burst
    this.#at = now
  }

  #has({ perSecond, burst }: RateLimit, now: number): number {
    return Math.min(burst, this.#tokens + (Math.max(0, now - this.#at) * perSecond) / 1_000) // LI1
  }

  /** Takes `cost` tokens and returns 0, or the milliseconds until there are as many. `now`: milliseconds of a monotonic clock. */
  take(limit: RateLimit, now: number, cost: number): number {
    const wait = this.wait(limit, now, cost)
    this.#tokens = this.#has(limit, now) - (wait === 0 ? priced(cost, limit.burst) : 0)
    this.#at = now
    return wait
  }

  /** Takes what is not there yet, if it is more than none. */
  owe(tokens: number): void {
    this.#tokens -= Math.max(0, tokens)
  }

  /** Puts one back that was taken. LI1 */
  giveBack(limit: RateLimit, now: number): void {
    this.#tokens = Math.min(limit.burst, this.#has(limit, now) + 1)
    this.#at = now
  }

  /** Whole tokens; less than none where some are owed. */
  left(limit: RateLimit, now: number): number {
    return Math.floor(this.#has(limit, now))
  }

  /** The milliseconds until `cost` could be taken: 0, they can now. */
  wait(limit: RateLimit, now: number, cost = 1): number {
    const missing = priced(cost, limit.burst) - this.#has(limit, now)
    return missing <= 0 ? 0 : Math.max(1, Math.ceil((missing * 1_000) / limit.perSecond))
  }

  isFull(limit: RateLimit, now: number): boolean {
    return this.#has(limit, now) >= limit.burst
  }
}
