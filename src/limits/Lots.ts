/**
 * Takes tokens of shared buckets in lots, so that a request is answered without a question to anybody. Pure state, but for what `ask` does.
 *
 *   LO1  A node has at most a lot in hand, a twentieth of what a bucket holds, or what one request costs, and gives it up when the bucket would be full
 *        again. So all nodes together give no more than the bucket does, and for each, once, what LO2 lets it owe.
 *   LO2  Until a lot came a node gives of its own share, and owes at most a lot (or 50, where its share is as large): what costs more waits until the bucket
 *        gave that. What is owed ends with what the bucket gives alone, not with time; whoever comes back when the bucket would be full may owe as much
 *        once more. Share: what the bucket has, by the nodes there are.
 *   LO3  Where the bucket is empty that is said with the time to wait, and it is asked at most 50 times a second.
 *   LO4  What is shared fails, or has not answered for 20 ms: the node's share counts at once, and a second after the failure it is tried again. Nobody
 *        waits for an answer. What costs more than a whole share is given when that is full, which then owes the rest.
 *   LO5  At most `BUCKETS` are kept (LY1 in Kept.ts), and `ASKED` questions are open.
 *   LO6  What is shared may be forged or broken. An answer that no bucket gives (more than was asked for, a wait for longer than a token takes, what is no
 *        number) is not believed: the node's share counts for a second. So is a number of nodes beyond `NODES`. Such a bucket, and one that is empty, is
 *        looked at, once a second. A node alone never gives more than the bucket would.
 */
import { Kept } from "./Kept.ts"
import { priced, type RateLimit, TokenBucket } from "./TokenBucket.ts"

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
  /** Milliseconds of a monotonic clock, from whenever. */
  readonly clock: () => number
  /** Looks whether a bucket that says what can't be is broken. LO6 */
  readonly doubt: (name: string) => void
}

interface Bucket {
  readonly name: string
  readonly own: TokenBucket
  /** What this node gave, by the whole limit. LO6 */
  readonly whole: TokenBucket
  hand: number
  /** Milliseconds: when it was answered last, made, or taken for full. */
  at: number
  /** Tokens that were given before they were there. LO2 */
  debt: number
  /** What of it was owed when the bucket was taken for full. LO2 */
  old: number
  /** When it was asked what was not answered yet. */
  askedAt: number | undefined
  /** Until when it is known to be empty. LO3 */
  emptyUntil: number
  /** When it was looked at last. LO6 */
  lookedAt: number
  /** Until when the node's share counts. LO4 */
  aloneUntil: number
  /** What the shared one had, when it was last asked. */
  left: number
}

/** LO5 */
const BUCKETS = 10_000
const ASKED = 256
/** Milliseconds. LO3, LO4 */
const REST = 20
const SILENT = 20
const FAILED = 1_000
const LOOK = 1_000
/** LO1 */
const PARTS = 20
/** Tokens. LO2 */
const AHEAD = 50
/** LO6 */
export const NODES = 64

/** LO6 */
const isSound = (given: Given, wanted: number, { perSecond, burst }: RateLimit): boolean =>
  "empty" in given
    ? given.empty >= 0 && given.empty <= Math.ceil(1_000 / perSecond) + 1
    : given.given >= 0 && given.given <= wanted && given.left >= 0 && given.left <= burst

export class Lots {
  readonly #options: LotsOptions
  readonly #lot: number
  /** Milliseconds in which an empty bucket is full again. */
  readonly #full: number
  readonly #buckets: Kept<Bucket>
  #share: RateLimit & { readonly nodes: number }
  #asked = 0

  constructor(options: LotsOptions) {
    const { perSecond, burst } = options.limit
    this.#options = options
    this.#lot = Math.max(1, Math.ceil(burst / PARTS))
    this.#full = Math.max(1_000, (burst * 1_000) / perSecond)
    this.#share = this.#shareOf(1)
    this.#buckets = new Kept({
      most: BUCKETS,
      make: (name, now) => this.#made(name, now),
      isNew: (bucket, now) =>
        bucket.askedAt === undefined &&
        now - bucket.at >= this.#full &&
        bucket.whole.isFull(options.limit, now) &&
        bucket.own.isFull(this.#shareNow(), now)
    })
  }

  /** Tokens of a lot. */
  get lot(): number {
    return this.#lot
  }

  /** Takes `cost` tokens and returns 0, or the milliseconds until there are as many. `now`: milliseconds. */
  take(name: string, now: number, cost = 1): number {
    const wanted = priced(cost, this.#options.limit.burst)
    const bucket = this.#buckets.of(name, now)
    if (now - bucket.at >= this.#full) this.#refilled(bucket, now)
    const wait = bucket.whole.wait(this.#options.limit, now, wanted) || this.#drawn(bucket, now, wanted)
    if (wait === 0) bucket.whole.take(this.#options.limit, now, wanted)
    return wait
  }

  #drawn(bucket: Bucket, now: number, wanted: number): number {
    if (bucket.hand >= wanted) {
      bucket.hand -= wanted
      if (bucket.hand < this.#lot / 2) this.#ask(bucket, now, this.#lot)
      return 0
    }
    const share = this.#shareNow()
    if (this.#isAlone(bucket, now)) return this.#ofShare(bucket, share, now, wanted)
    this.#ask(bucket, now, wanted)
    const ahead = Math.max(this.#lot, Math.min(AHEAD, share.burst))
    const missing = wanted - bucket.hand
    const tooMuch = missing + bucket.debt - bucket.old - ahead
    if (now < bucket.emptyUntil || tooMuch > 0 || this.#ofShare(bucket, share, now, wanted) > 0)
      return this.#waitFor(bucket, now, tooMuch)
    bucket.debt += missing
    bucket.hand = 0
    return 0
  }

  /** LO4 */
  #ofShare({ own }: Bucket, share: RateLimit, now: number, wanted: number): number {
    const wait = own.take(share, now, wanted)
    if (wait === 0) own.owe(wanted - share.burst)
    return wait
  }

  /** Until the shared bucket has so many, as far as is known. LO3 */
  #waitFor({ left, at, emptyUntil }: Bucket, now: number, tokens: number): number {
    const missing = tokens - left - ((now - at) * this.#options.limit.perSecond) / 1_000
    const known = now < emptyUntil ? emptyUntil - now : REST
    return Math.max(1, Math.ceil(Math.max(known, (missing * 1_000) / this.#options.limit.perSecond)))
  }

  /** Whole tokens, as far as is known. */
  left(name: string, now: number): number {
    const bucket = this.#buckets.find(name)
    if (bucket === undefined) return Math.floor(this.#options.limit.burst)
    if (this.#isAlone(bucket, now)) return Math.max(0, bucket.own.left(this.#shareNow(), now))
    return Math.max(0, Math.floor(Math.min(this.#options.limit.burst, bucket.left + bucket.hand - bucket.debt)))
  }

  get size(): number {
    return this.#buckets.size
  }

  /** LO4 */
  #isAlone({ aloneUntil, askedAt }: Bucket, now: number): boolean {
    if (now < aloneUntil || this.#options.away()) return true
    return askedAt === undefined ? this.#asked >= ASKED : now - askedAt >= SILENT
  }

  #shareOf(nodes: number) {
    const { perSecond, burst } = this.#options.limit
    return { nodes, perSecond: perSecond / nodes, burst: Math.max(1, burst / nodes) }
  }

  #shareNow(): RateLimit {
    const said = this.#options.nodes()
    const nodes = said >= 1 && said <= NODES ? said : this.#share.nodes // LO6
    if (this.#share.nodes !== nodes) this.#share = this.#shareOf(nodes)
    return this.#share
  }

  #made(name: string, now: number): Bucket {
    const never = Number.NEGATIVE_INFINITY
    return {
      ...{ name, own: new TokenBucket(this.#shareNow(), now), whole: new TokenBucket(this.#options.limit, now) },
      ...{ hand: 0, at: now, debt: 0, old: 0, askedAt: undefined, left: this.#options.limit.burst },
      ...{ emptyUntil: never, lookedAt: never, aloneUntil: never }
    }
  }

  /** LO1: the shared one is full again, with what was in hand. LO2: what is owed is not in it. */
  #refilled(bucket: Bucket, now: number): void {
    bucket.hand = 0
    if (bucket.old === 0) bucket.old = bucket.debt
    bucket.left = this.#options.limit.burst
    bucket.at = now
  }

  /** Until there are `most` in hand. */
  #ask(bucket: Bucket, now: number, most: number): void {
    if (bucket.askedAt !== undefined || this.#asked >= ASKED || now < bucket.emptyUntil || this.#isAlone(bucket, now))
      return
    bucket.askedAt = now
    this.#asked++
    const { clock } = this.#options
    const began = clock()
    const missing = Math.ceil(Math.max(this.#lot, most) - bucket.hand + bucket.debt)
    const wanted = Math.max(1, Math.min(missing, Math.floor(this.#options.limit.burst)))
    this.#options.ask(bucket.name, wanted, (given) => {
      bucket.askedAt = undefined
      this.#asked--
      this.#answered(bucket, wanted, given, now + clock() - began)
    })
  }

  #answered(bucket: Bucket, wanted: number, given: Given | undefined, now: number): void {
    if (given === undefined) {
      bucket.aloneUntil = now + FAILED
      return
    }
    if (!isSound(given, wanted, this.#options.limit)) {
      this.#disbelieve(bucket, now)
      return
    }
    bucket.at = now
    if ("empty" in given) {
      bucket.left = 0
      bucket.emptyUntil = now + Math.max(REST, given.empty) // LO3
      this.#look(bucket, now)
      return
    }
    const paid = Math.min(bucket.debt, given.given)
    bucket.debt -= paid // LO2
    bucket.old = Math.min(bucket.old, bucket.debt)
    bucket.hand += given.given - paid
    bucket.left = given.left
    if (given.given < wanted) bucket.emptyUntil = now + REST // LO3
  }

  /** LO6 */
  #disbelieve(bucket: Bucket, now: number): void {
    bucket.aloneUntil = now + FAILED
    this.#look(bucket, now)
  }

  /** LO6 */
  #look(bucket: Bucket, now: number): void {
    if (now - bucket.lookedAt < LOOK) return
    bucket.lookedAt = now
    this.#options.doubt(bucket.name)
  }
}
