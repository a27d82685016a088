import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Logger } from "effect"
import { TestClock } from "effect/testing"
import { failure } from "../../src/errors/HeraldError.ts"
import { waitFor } from "../../src/telemetry/WaitFor.ts"

const away = failure("DatabaseUnavailable", "it is away")

const makeWork = (fails: number, error: unknown = away) => {
  const lines: Array<string> = []
  let tries = 0
  return {
    lines,
    tries: () => tries,
    work: Effect.suspend(() => (++tries <= fails ? Effect.fail(error) : Effect.succeed("there"))),
    logger: Logger.layer([
      Logger.make(({ message, logLevel }) => {
        const [what, said] = message as [string, { readonly code?: string; readonly reason?: string }]
        lines.push([logLevel, what, said.code, said.reason].join(" "))
      })
    ])
  }
}

describe("waiting", () => {
  it.effect("WF1 each try that fails is told, the next comes a pause later, and what comes in the end is given", () => {
    const { lines, tries, work, logger } = makeWork(2)
    return Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(waitFor("waiting for it", work), { startImmediately: true })
      assert.strictEqual(tries(), 1)
      yield* TestClock.adjust("999 millis")
      assert.strictEqual(tries(), 1)
      yield* TestClock.adjust("1001 millis")

      assert.strictEqual(yield* Fiber.join(fiber), "there")
      assert.strictEqual(tries(), 3)
      assert.deepStrictEqual(lines, Array(2).fill(`Warn waiting for it ${away.code} ${away.message}`))
    }).pipe(Effect.provide(logger))
  })

  it.effect("WF1 what is not worth waiting for fails at once, untold, and what is ends after so many tries", () => {
    const [other, long] = [makeWork(9, "other"), makeWork(9)]
    return Effect.gen(function* () {
      const options = { while: (error: unknown) => error === away, times: 2 }
      assert.strictEqual(yield* Effect.flip(waitFor("waiting for it", other.work, options)), "other")
      assert.deepStrictEqual([other.tries(), other.lines.length], [1, 0])
      const fiber = yield* Effect.forkChild(Effect.flip(waitFor("waiting for it", long.work, options)))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(fiber), away)
      assert.strictEqual(long.tries(), 3)
    }).pipe(Effect.provide(other.logger))
  })

  it.effect("WF1 a defect is not waited for", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(waitFor("waiting for it", Effect.die("boom")))
      assert.isTrue(Exit.hasDies(exit))
    })
  )
})
