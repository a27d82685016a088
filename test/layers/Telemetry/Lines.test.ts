import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Logger } from "effect"
import { jsonOf, lineOf, plainOf } from "../../../layers/Telemetry/Lines.ts"
import { failure } from "../../../src/errors/HeraldError.ts"
import { explosives } from "../../support/Explosives.ts"

/** What is said of what `work` logs. */
const said = (work: Effect.Effect<void>) => {
  const lines: Array<Record<string, unknown>> = []
  const logger = Logger.make<unknown, void>((options) => void lines.push(lineOf(options, "n1")))
  return Effect.as(Effect.provide(work, Logger.layer([logger])), lines)
}

describe("lines of the log", () => {
  it.effect("LL1 the message is text, and fields stand beside it, whatever they are called", () =>
    Effect.gen(function* () {
      const [line, odd] = yield* said(
        Effect.andThen(
          Effect.logWarning("it waits", {
            code: "HRLD-4001",
            n: 3n,
            deep: { a: [1n] },
            message: "mine",
            none: undefined
          }),
          Effect.logInfo({ a: 1 }, "two", "texts")
        )
      )
      const { time, ...rest } = JSON.parse(jsonOf(line!))
      assert.match(time, /Z$/)
      assert.deepStrictEqual(rest, {
        level: "warn",
        message: "it waits",
        node: "n1",
        code: "HRLD-4001",
        n: "3",
        deep: { a: ["1"] },
        message_: "mine"
      })
      assert.deepInclude(odd, { message: "two texts", a: 1 })
    })
  )

  it.effect("LL1 an error is told by its text, code and stack, and one without a text has a message all the same", () =>
    Effect.gen(function* () {
      const [one, two] = yield* said(
        Effect.andThen(
          Effect.logError("it failed", Cause.fail(failure("Timeout", "too late")), { client: "a" }),
          Effect.logError(new TypeError("no text"))
        )
      )
      assert.deepInclude(one, { message: "it failed", code: "HRLD-4004", error: "too late", client: "a" })
      assert.deepInclude(two, { message: "no text", error: "no text" })
      assert.include(String(two!["stack"]), "Lines.test.ts")
    })
  )

  it.effect("LL2 what throws when it is looked at costs its own field only", () =>
    Effect.gen(function* () {
      for (const [, make] of explosives) {
        const [line] = yield* said(Effect.logInfo("told", { bad: make(), good: 1 }))
        assert.deepInclude(JSON.parse(jsonOf(line!)), { message: "told", good: 1 })
      }
    })
  )

  it.effect("for people the time, the level, what happened and its fields, with a stack below", () =>
    Effect.gen(function* () {
      const [one] = yield* said(Effect.logError("it failed", Cause.die(new Error("why so")), { client: "a b" }))
      const [first, ...below] = plainOf(one!).split("\n")
      assert.match(first!, /^\d\d:\d\d:\d\d\.\d{3} ERROR it failed client="a b" error="why so"$/)
      assert.isTrue(below.length > 0 && below.every((line) => line.startsWith("    ")))
    })
  )
})
