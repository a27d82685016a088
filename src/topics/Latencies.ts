/** Milliseconds, counted in steps of which each is by half the root of two larger than the one before: quantiles are 42 % too large at most. Pure state. */
const STEPS = 48
/** The largest of the first step. */
const LEAST = 0.25

const upTo = (step: number): number => LEAST * 2 ** (step / 2)

export class Latencies {
  readonly #counts = new Uint32Array(STEPS)
  #all = 0

  add(millis: number): void {
    const step = millis <= LEAST ? 0 : Math.ceil(2 * Math.log2(millis / LEAST))
    this.#counts[Math.min(STEPS - 1, step)]!++
    this.#all++
  }

  /** The step that so much of all are within; null: there was none. */
  quantile(share: number): number | null {
    let left = Math.ceil(this.#all * share)
    if (left === 0) return null
    for (let step = 0; step < STEPS; step++) {
      left -= this.#counts[step]!
      if (left <= 0) return Number(upTo(step).toPrecision(3))
    }
    return null
  }

  clear(): void {
    this.#counts.fill(0)
    this.#all = 0
  }
}
