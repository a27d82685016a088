/** A clock that stands still until a test moves it. */
import type { Clock } from "../../src/client/Clock.ts"
import { turn } from "./turn.ts"

export class FakeClock implements Clock {
  #now = 1_000
  #timers: Array<{ readonly at: number; readonly task: () => void }> = []
  /** What `random` returns. */
  chance = 0.5

  now = () => this.#now
  random = () => this.chance
  soon = (task: () => void) => queueMicrotask(task)
  after = (millis: number, task: () => void) => {
    const timer = { at: this.#now + millis, task }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((t) => t !== timer)
    }
  }

  get waiting(): ReadonlyArray<number> {
    return this.#timers.map(({ at }) => at - this.#now).sort((a, b) => a - b)
  }

  async advance(millis: number): Promise<void> {
    const end = this.#now + millis
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      this.#timers = this.#timers.filter((t) => t !== next)
      this.#now = Math.max(this.#now, next.at)
      next.task()
      await turn()
    }
    this.#now = end
    await turn()
  }
}
