import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Slices } from "../../src/work/Slices.ts"

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

  it.live("SL1 SL2 steps that all come at once are taken in order, and leave the loop to others in between", () =>
    Effect.gen(function* () {
      const slices = new Slices()
      const order: Array<number> = []
      const took: Array<number> = []
      let turn = 0
      const count = () => {
        turn++
        if (order.length < 100) setImmediate(count)
      }
      setImmediate(count)
      yield* Effect.callback<void>((resume) => {
        for (let i = 0; i < 100; i++)
          slices.soon(() => {
            busy(1)
            order.push(i)
            took.push(turn)
            if (i === 99) resume(Effect.void)
          })
      })

      assert.deepStrictEqual(
        order,
        Array.from({ length: 100 }, (_, i) => i)
      )
      for (const each of new Set(took)) assert.isAtMost(took.filter((one) => one === each).length, 9)
    })
  )

  it.live("SL2 a step that comes while others wait goes behind them, though there is time", () =>
    Effect.gen(function* () {
      const slices = new Slices()
      const order: Array<string> = []
      yield* Effect.callback<void>((resume) => {
        slices.soon(() => busy(10))
        slices.soon(() => {
          order.push("first")
          slices.soon(() => {
            order.push("last")
            resume(Effect.void)
          })
        })
        slices.soon(() => void order.push("second"))
      })

      assert.deepStrictEqual(order, ["first", "second", "last"])
    })
  )

  it.live("SL3 a step that throws takes no turn from those behind it", () =>
    Effect.gen(function* () {
      const slices = new Slices()
      const thrown: Array<unknown> = []
      const listeners = process.listeners("uncaughtException")
      process.removeAllListeners("uncaughtException")
      process.on("uncaughtException", (error) => thrown.push(error))
      yield* Effect.callback<void>((resume) => {
        slices.soon(() => busy(10))
        slices.soon(() => {
          throw new Error("its own")
        })
        slices.soon(() => resume(Effect.void))
      })
      process.removeAllListeners("uncaughtException")
      for (const listener of listeners) process.on("uncaughtException", listener)

      assert.lengthOf(thrown, 1)
    })
  )
})
