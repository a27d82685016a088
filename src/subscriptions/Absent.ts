/**
 * Consumers whose connection broke, until it is clear what became of them. Pure state.
 *
 *   AZ1  A consumer that is back within `GRACE` with the number of its life, on whatever node, had a broken connection and no fault: what it had counts
 *        as no attempt, whether it has begun it or not. Of one that isn't, it counts.
 *   AZ2  At most `MOST` are waited for; then the first of them counts as gone.
 */

/** Milliseconds. AZ1 */
export const GRACE = 5_000
/** AZ2 */
export const MOST = 256

interface Gone {
  readonly life: number
  readonly until: number
}

export class Absent {
  /** By session, in the order in which they went. */
  readonly #gone = new Map<string, Gone>()
  /** What it had counts, or not. */
  readonly #ended: (session: string, counts: boolean) => void

  constructor(ended: (session: string, counts: boolean) => void) {
    this.#ended = ended
  }

  get size(): number {
    return this.#gone.size
  }

  /** Milliseconds: when the first of them counts as gone. */
  get next(): number | undefined {
    return this.#gone.values().next().value?.until
  }

  add(session: string, life: number, now: number): void {
    this.#gone.set(session, { life, until: now + GRACE })
    if (this.#gone.size > MOST) this.#end(this.#gone.keys().next().value!, true)
  }

  /** These consumers live. AZ1 */
  seen(lives: ReadonlyArray<number>): void {
    if (this.#gone.size === 0) return
    for (const [session, { life }] of [...this.#gone]) if (lives.includes(life)) this.#end(session, false)
  }

  /** `all`: nobody is waited for any longer. */
  late(now: number, all = false): void {
    for (const [session, { until }] of [...this.#gone]) if (all || until <= now) this.#end(session, true)
  }

  #end(session: string, counts: boolean): void {
    this.#gone.delete(session)
    this.#ended(session, counts)
  }
}
