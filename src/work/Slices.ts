/**
 * Does long work in short slices, with one budget for the whole process: what a thousand sessions must look at again takes a few milliseconds
 * at a time, and everything else goes on in between.
 *
 *   SL1  In one turn of the event loop all that asks `over` runs no longer than `SLICE` together, and one step more.
 *   SL2  Who waits goes on in the order in which it came.
 *   SL3  A step that throws takes no turn from those behind it.
 */
import { Effect } from "effect"

/** Milliseconds. */
const SLICE = 8

export class Slices {
  #startedAt: number | undefined
  readonly #waiting: Array<() => void> = []
  #next = 0

  /** True when it is time to wait for `turn`. By real time, also in tests: it decides only when things are done. */
  readonly over = (): boolean => {
    const now = performance.now()
    if (this.#startedAt === undefined) {
      this.#startedAt = now
      setImmediate(this.#tick)
    }
    return now - this.#startedAt >= SLICE
  }

  /** Resumes in a later turn of the event loop. */
  readonly turn = Effect.callback<void>((resume) => this.#later(() => resume(Effect.void)))

  /** Resumes at once, or when it is time for another step. */
  readonly soonest: Effect.Effect<void> = Effect.suspend(() => (this.over() ? this.turn : Effect.void))

  /** Goes through all steps; between two of them others may have a turn. What fails in one is a defect. */
  readonly through = <A>(begin: () => Generator<void, A>): Effect.Effect<A> =>
    Effect.suspend(() => {
      const steps = begin()
      const go: Effect.Effect<A> = Effect.suspend(() => {
        for (let step = steps.next(); ; step = steps.next()) {
          if (step.done === true) return Effect.succeed(step.value)
          if (this.over()) return Effect.flatMap(this.turn, () => go)
        }
      })
      return go
    })

  /** Runs `step` now while there is time and nobody waits, or else in its turn. */
  readonly soon = (step: () => void): void => {
    if (this.#waiting.length > 0 || this.over()) this.#later(step)
    else step()
  }

  #later(step: () => void): void {
    if (this.#startedAt === undefined) {
      this.#startedAt = performance.now()
      setImmediate(this.#tick)
    }
    this.#waiting.push(step)
  }

  readonly #tick = (): void => {
    this.#startedAt = performance.now()
    try {
      while (this.#next < this.#waiting.length) {
        this.#waiting[this.#next++]!() // the fiber runs at once, up to its next wait
        if (performance.now() - this.#startedAt >= SLICE) break
      }
    } finally {
      this.#goOn() // SL3
    }
  }

  #goOn(): void {
    if (this.#next === this.#waiting.length) {
      this.#waiting.length = this.#next = 0
      this.#startedAt = undefined
      return
    }
    if (this.#next > 1_024) {
      this.#waiting.splice(0, this.#next)
      this.#next = 0
    }
    setImmediate(this.#tick)
  }
}

/** For all who look at events of topics (readers, subscriptions, routes), and at many values. SL1 */
export const lookingSlices = new Slices()
