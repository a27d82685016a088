/**
 * What a node gives to making minutes anew: how much of its time to each topic, and whose turn it is.
 *
 *   MJ6  A topic has `ALLOWED` of a node's time for it at first, and `SHARE` of what passes afterwards. Time is counted by what is done, at so much an event
 *        and a byte, so that the same is done on every machine. Of one topic one is made at a time, of a node `AT_ONCE`, in the order in which they came: a
 *        topic waits for no other's while so many are not under way.
 */
import { type Effect, Semaphore } from "effect"

/** Microseconds: what an event takes that is read, and one that its bytes say is not of those symbols. */
export const READ = 30
export const PASSED = 2
/** Bytes of a read that count as a microsecond. */
export const BYTES = 100
/** Microseconds. */
export const ALLOWED = 10_000_000
/** Of the time that passes. */
export const SHARE = 0.05
/** Topics of a node; each keeps `TRADES` in memory meanwhile. */
export const AT_ONCE = 8

/** Time that may be used, in microseconds. Mutable. */
export class Allowance {
  readonly #most: number
  #left: number
  #at: number | undefined

  constructor(most = ALLOWED) {
    this.#most = most
    this.#left = most
  }

  /** What is left now, in milliseconds since 1970. */
  at(now: number): number {
    const passed = Math.max(0, now - (this.#at ?? now))
    this.#at = Math.max(now, this.#at ?? now)
    this.#left = Math.min(this.#most, this.#left + passed * 1_000 * SHARE)
    return this.#left
  }

  /** False: that was more than there is. */
  spend(micros: number): boolean {
    this.#left -= micros
    return this.#left > 0
  }
}

/** Of one topic on a node. */
export interface Amendments {
  readonly allowance: Allowance
  /** When it is its turn. */
  readonly inTurn: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** Of the topics of a node, by their ids. */
export class AllAmendments {
  readonly #places = Semaphore.makeUnsafe(AT_ONCE)
  readonly #topics = new Map<number, Amendments>()
  readonly #allowed: number

  /** Microseconds that each topic is allowed at first. */
  constructor(allowed = ALLOWED) {
    this.#allowed = allowed
  }

  of(topic: number): Amendments {
    const known = this.#topics.get(topic)
    if (known !== undefined) return known
    const turn = Semaphore.makeUnsafe(1)
    const made: Amendments = {
      allowance: new Allowance(this.#allowed),
      inTurn: (effect) => turn.withPermit(this.#places.withPermit(effect))
    }
    this.#topics.set(topic, made)
    return made
  }

  /** Forgets those of all other topics. */
  keep(topics: ReadonlySet<number>): void {
    for (const topic of this.#topics.keys()) if (!topics.has(topic)) this.#topics.delete(topic)
  }
}
