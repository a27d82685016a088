/** What a node counts of its readers. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Logger } from "effect"
import { TestClock } from "effect/testing"
import { TestLog } from "../support/TestLog.ts"
import { on } from "./Heard.ts"

describe("counts of readers", () => {
  it.effect("BX25 readers are counted from the beginning, also while a log takes long to be there", () => {
    const said: Array<unknown> = []
    const logger = Logger.layer([Logger.make(({ message }) => said.push(message))])
    const slow = { ...new TestLog().log, hints: () => Effect.sleep("3 seconds") }
    return Effect.gen(function* () {
      const begins = yield* Effect.forkChild(
        on(() => Effect.void, { ephemeral: slow }),
        { startImmediately: true }
      )
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(begins)
      assert.deepStrictEqual(said, [])
    }).pipe(Effect.provide(logger))
  })
})
