import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Slices } from "../../src/sessions/Slices.ts"

/** Work that takes about so many milliseconds of the loop. */
const busy = (millis: number) => {
  const until = performance.now() + millis
  while (performance.now() < until);
}

describe("Slices", () => {
  it.live("SL1 long work of many leaves the loop to others again and again", () =>
    Effect.gen(function* () {
      const slices = new Slices()
      let turns = 0
      let done = false
      const count = () => {
        turns++
        if (!done) setImmediate(count)
      }
      setImmediate(count)
      const one = Effect.gen(function* () {
        for (let i = 0; i < 20; i++) {
          busy(1)
          if (slices.over()) yield* slices.turn
        }
      })
      yield* Effect.all(
        Array.from({ length: 10 }, () => one),
        { concurrency: "unbounded" }
      )
      done = true

      // 200 ms of work in slices of 8 ms and a step.
      assert.isAtLeast(turns, 15)
    })
  )

  it.live("SL2 who waits goes on in the order in which it came, each once", () =>
    Effect.gen(function* () {
      const slices = new Slices()
      const order: Array<number> = []
      yield* Effect.all(
        Array.from({ length: 3_000 }, (_, i) => Effect.map(slices.turn, () => order.push(i))),
        { concurrency: "unbounded" }
      )

      assert.deepStrictEqual(
        order,
        Array.from({ length: 3_000 }, (_, i) => i)
      )
    })
  )
})
