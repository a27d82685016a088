/** A clock for tests with many waits: each is over in the next turn, and took as long as it was to. One of more than a second takes its time. */
import type { Clock } from "../../src/client/Clock.ts"

const { setImmediate, setTimeout, clearTimeout } = globalThis // a test may put another in its place

export const quickClock = (random: () => number): Clock => {
  let now = 0
  return {
    now: () => now,
    after: (millis, task) => {
      if (millis > 1_000) {
        const timer = setTimeout(task, millis)
        return () => clearTimeout(timer)
      }
      let wanted = true
      const at = now + millis
      setImmediate(() => {
        if (!wanted) return
        now = Math.max(now, at)
        task()
      })
      return () => {
        wanted = false
      }
    },
    soon: (task) => {
      setImmediate(task)
    },
    random
  }
}
