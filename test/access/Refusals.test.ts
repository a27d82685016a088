import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, Metric } from "effect"
import { TestClock } from "effect/testing"
import { makeRefusals } from "../../src/access/Refusals.ts"
import * as PerNode from "../../src/telemetry/PerNode.ts"

describe("Refusals", () => {
  it.effect("RF1 every refusal counts; each reason has one line a second, with how often it came", () => {
    const lines: Array<unknown> = []
    const logger = Logger.make(({ message }) => void lines.push(message))
    return Effect.gen(function* () {
      const refuse = yield* makeRefusals("http")
      for (let i = 0; i < 1_000; i++) refuse("test_flood", `the ${i}th`)
      refuse("test_other")
      yield* TestClock.adjust("1 second")
      const first = [...lines]
      yield* TestClock.adjust("5 seconds")
      const count = (yield* Metric.snapshot).find(({ attributes }) => attributes?.["reason"] === "test_flood")

      assert.deepStrictEqual(first, [
        ["refused at the door", { door: "http", reason: "test_flood", times: 1_000, detail: "the 0th" }],
        ["refused at the door", { door: "http", reason: "test_other", times: 1, detail: "" }]
      ])
      assert.strictEqual(lines.length, 2)
      assert.deepInclude(count?.state, { count: 1_000 })
    }).pipe(Effect.scoped, Effect.provide(Logger.layer([logger])), Effect.provide(PerNode.layer))
  })
})
