/**
 * Takes tokens of shared buckets in lots, so that a request is answered without a question to anybody. Pure state, but for what `ask` does.
 *
 *   LO1  A node has at most a lot in hand, a twentieth of what a bucket holds, and gives it up when the bucket would be full again. So all nodes together
 *        give no more than the bucket does, and a lot for each.
 *   LO2  Until a lot came a node gives of its own share, at most a lot, which the next lot pays for. Share: what the bucket has, by the nodes there are.
 *   LO3  Where the bucket is empty that is said with the time to wait, and it is asked at most 50 times a second.
 *   LO4  What is shared fails, or does not answer: each node's share counts from then on, and a second later it is tried again.
 *   LO5  At most `BUCKETS` are kept, and `ASKED` questions are open.
 */
import { type RateLimit, RateLimits } from "./RateLimits.ts"

/** How many tokens a shared bucket gave, of those that were asked for, and has left; or `empty`: milliseconds until there are some. */
export type Given = { readonly given: number; readonly left: number } | { readonly empty: number }

export interface LotsOptions {
  readonly limit: RateLimit
  /** Asks the shared bucket for tokens; `done` with undefined: it failed. Called once, later. */
  readonly ask: (name: string, tokens: number, done: (given: Given | undefined) => void) => void
  /** Whether what is shared is known to be away: nobody asks it then. */
  readonly away: () => boolean
  /** How many nodes there are, at least 1. */
  readonly nodes: () => number
}

interface Bucket {
  hand: number
  /** Milliseconds: when the tokens in hand came. */
  at: number
  /** Tokens that were given before they were there. LO2 */
  debt: number
  asking: boolean
  /** Until when it is known to be empty. LO3 */
  emptyUntil: number
  /** What the shared one had, when it was last asked. */
  left: number
}

/** LO5 */
const BUCKETS = 10_000
const ASKED = 256
/** Milliseconds. LO3, LO4 */
const REST = 20
const FAILED = 1_000
/** LO1 */
const PARTS = 20

export class Lots {
  readonly #options: LotsOptions
  readonly #lot: number
  /** Milliseconds in which an empty bucket is full again. */
  readonly #full: number
  readonly #buckets = new Map<string, Bucket>()
  #own: { readonly nodes: number; readonly rates: RateLimits }
  #asked = 0
  #failedUntil = Number.NEGATIVE_INFINITY

  constructor(options: LotsOptions) {
    const { perSecond, burst } = options.limit
    this.#options = options
    this.#lot = Math.max(1, Math.ceil(burst / PARTS))
    this.#full = Math.max(1_000, (burst * 1_000) / perSecond)
    this.#own = this.#share()
  }

  /** Tokens of a lot. */
  get lot(): number {
    return this.#lot
  }

  /** Takes `cost` tokens and returns 0, or the milliseconds until there are as many. `now`: milliseconds. */
  take(name: string, now: number, cost = 1): number {
    const wanted = Math.min(cost, this.#options.limit.burst)
    const bucket = this.#bucketOf(name, now)
    if (bucket.hand >= wanted) {
      bucket.hand -= wanted
      if (bucket.hand < this.#lot / 2) this.#ask(name, bucket, now)
      return 0
    }
    if (this.#isAlone(now)) return this.#ofOwn(name, now, wanted)
    if (now < bucket.emptyUntil) return Math.max(1, Math.ceil(bucket.emptyUntil - now))
    this.#ask(name, bucket, now)
    if (bucket.debt >= this.#lot) return REST
    const wait = this.#ofOwn(name, now, wanted)
    if (wait === 0) {
      bucket.debt += wanted - bucket.hand
      bucket.hand = 0
    }
    return wait
  }

  /** Whole tokens, as far as is known. */
  left(name: string, now: number): number {
    const bucket = this.#buckets.get(name)
    if (this.#isAlone(now) || bucket === undefined) return this.#ownNow().left(name, now)
    return Math.max(0, Math.floor(Math.min(this.#options.limit.burst, bucket.left + bucket.hand - bucket.debt)))
  }

  get size(): number {
    return this.#buckets.size
  }

  #isAlone(now: number): boolean {
    return now < this.#failedUntil || this.#options.away() // LO4
  }

  #share() {
    const { perSecond, burst } = this.#options.limit
    const nodes = Math.max(1, this.#options.nodes())
    return { nodes, rates: new RateLimits({ perSecond: perSecond / nodes, burst: Math.max(1, burst / nodes) }) }
  }

  #ownNow(): RateLimits {
    if (this.#own.nodes !== Math.max(1, this.#options.nodes())) this.#own = this.#share()
    return this.#own.rates
  }

  #ofOwn(name: string, now: number, cost: number): number {
    return this.#ownNow().take(name, now, cost)
  }

  #bucketOf(name: string, now: number): Bucket {
    let bucket = this.#buckets.get(name)
    if (bucket === undefined) {
      if (this.#buckets.size >= BUCKETS) this.#buckets.delete(this.#buckets.keys().next().value!) // LO5
      const { burst } = this.#options.limit
      bucket = { hand: 0, at: now, debt: 0, asking: false, emptyUntil: Number.NEGATIVE_INFINITY, left: burst }
      this.#buckets.set(name, bucket)
    }
    if (now - bucket.at >= this.#full) bucket.hand = 0 // LO1
    return bucket
  }

  #ask(name: string, bucket: Bucket, now: number): void {
    if (bucket.asking || this.#asked >= ASKED || now < bucket.emptyUntil || this.#isAlone(now)) return
    bucket.asking = true
    this.#asked++
    const wanted = Math.max(1, Math.ceil(this.#lot - bucket.hand + bucket.debt))
    this.#options.ask(name, wanted, (given) => {
      bucket.asking = false
      this.#asked--
      if (given === undefined) this.#failedUntil = now + FAILED
      else if ("empty" in given) {
        bucket.left = 0
        bucket.emptyUntil = now + Math.max(REST, given.empty) // LO3
      } else {
        const paid = Math.min(bucket.debt, given.given)
        bucket.debt -= paid // LO2
        bucket.hand += given.given - paid
        bucket.left = given.left
        bucket.at = now
        if (given.given < wanted) bucket.emptyUntil = now + REST // LO3
      }
    })
  }
}
