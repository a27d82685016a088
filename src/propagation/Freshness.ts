/**
 * Whether the database confirms the view. Pure but for its clocks.
 *
 *   P3  A view that the database has not confirmed for `staleAfter` is stale, and says so.
 *   P7  Time in which this process was busy does not make the view stale: its answers may have come and wait to be read. At most
 *       `staleAfter` of it is set off; time in which the process was stopped never is.
 */
import type { LoopShape } from "./Loop.ts"

/** Where the clocks stood when the database was asked. */
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

  /** Take it before a question, for `confirm` once its answer is applied. */
  asking(): Asked {
    return { at: this.#now(), busy: this.#loop.busy() }
  }

  confirm(asked: Asked): void {
    if (asked.at > this.#confirmed.at) this.#confirmed = asked
  }

  stale(): boolean {
    const age = this.#now() - this.#confirmed.at
    if (age <= this.#staleAfter) return false
    const busy = this.#loop.busy() - this.#confirmed.busy
    // biome-ignore lint/complexity/useMathMinMax: Math.min takes no bigint
    const setOff = busy < this.#staleAfter ? busy : this.#staleAfter
    return age - setOff > this.#staleAfter // P7
  }
}
