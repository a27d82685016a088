/**
 * Knows whether the view is confirmed by the database. Pure but for its clocks.
 *
 *   P3  A view that the database has not confirmed for `staleAfter` is stale, and says so.
 *   P7  Time in which this process was held up just now does not make the view stale: its answers may have come and wait to be read. At
 *       most `staleAfter` of it is set off. What was held up some turns ago has been read since, and time in which the process was stopped
 *       never counts: a dead database is told in time by a process that is always busy, too.
 */
import type { LoopShape } from "../telemetry/Loop.ts"

/** When the database was asked, by both clocks. Nanoseconds. */
export interface Asked {
  readonly at: bigint
  readonly busy: bigint
}

export class Freshness {
  readonly #now: () => bigint
  readonly #loop: LoopShape
  readonly #staleAfter: bigint
  #confirmed: Asked

  /** `now`, `staleAfter` in nanoseconds. */
  constructor(now: () => bigint, loop: LoopShape, staleAfter: bigint) {
    this.#now = now
    this.#loop = loop
    this.#staleAfter = staleAfter
    this.#confirmed = this.asking()
  }

  /** Call it before a question, and `confirm` with the result once the answer is applied. */
  asking(): Asked {
    return { at: this.#now(), busy: this.#loop.busy() }
  }

  confirm(asked: Asked): void {
    if (asked.at > this.#confirmed.at) this.#confirmed = asked
  }

  stale(): boolean {
    const age = this.#now() - this.#confirmed.at
    if (age <= this.#staleAfter) return false
    const setOff = [this.#loop.busy() - this.#confirmed.busy, this.#loop.recent(), this.#staleAfter].reduce(least)
    return age - setOff > this.#staleAfter // P7
  }
}

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b)
