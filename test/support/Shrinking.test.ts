import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { shrunk } from "./Shrinking.ts"

describe("shrinking", () => {
  it.effect("leaves what is needed for it to fail, in its order, and asks no more often than it may", () =>
    Effect.gen(function* () {
      const all = Array.from({ length: 100 }, (_, n) => n)
      let asked = 0
      const fails = (list: ReadonlyArray<number>) =>
        Effect.sync(() => {
          asked++
          return [3, 41, 42, 97].every((one) => list.includes(one))
        })
      assert.deepStrictEqual(yield* shrunk(all, fails), [3, 41, 42, 97])
      asked = 0
      assert.includeMembers([...(yield* shrunk(all, fails, 5))], [3, 41, 42, 97])
      assert.isAtMost(asked, 5)
      assert.deepStrictEqual(yield* shrunk(all, () => Effect.succeed(true)), [])
    })
  )
})
