import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, Metric } from "effect"
import { Degraded, makeDegraded, notice } from "../../src/telemetry/Degraded.ts"
import * as PerNode from "../../src/telemetry/PerNode.ts"

describe("what a node goes on without", () => {
  it("DG2 a dependency works again when no way of failing is left", () => {
    const degraded = makeDegraded()
    degraded.add("redis", "away")
    degraded.add("redis", "writes")
    degraded.add("redis", "writes")
    degraded.delete("redis", "away")
    assert.deepStrictEqual([...degraded], ["redis"])
    degraded.delete("redis", "writes")
    degraded.delete("events")
    assert.deepStrictEqual([...degraded], [])
  })

  it.effect(
    "DG3 each way is told once when it begins, with why, and once when it is over; the metric says both",
    () => {
      const lines: Array<unknown> = []
      const logger = Logger.make<unknown, void>(({ logLevel, message }) => void lines.push([logLevel, message]))
      return Effect.gen(function* () {
        const one = yield* notice("webhooks", {
          source: "a",
          began: "it fails",
          ended: "it works",
          fields: { receiver: "a" }
        })
        const two = yield* notice("webhooks", { source: "b", began: "b fails", ended: "b works" })
        const measured = Effect.map(Metric.snapshot, (all) => all.find(({ id }) => id === "herald_degraded")?.state)
        yield* one.works
        assert.deepInclude(yield* measured, { value: 0 })
        yield* one.fails("why")
        yield* one.fails("another")
        yield* two.fails("too")
        yield* one.works
        assert.deepStrictEqual([...(yield* Degraded)], ["webhooks"])
        assert.deepInclude(yield* measured, { value: 1 })
        yield* two.works
        yield* two.works
        assert.deepInclude(yield* measured, { value: 0 })
        assert.deepStrictEqual(lines, [
          ["Warn", ["it fails", { dependency: "webhooks", receiver: "a", reason: "why" }]],
          ["Warn", ["b fails", { dependency: "webhooks", reason: "too" }]],
          ["Info", ["it works", { dependency: "webhooks", receiver: "a" }]],
          ["Info", ["b works", { dependency: "webhooks" }]]
        ])
      }).pipe(Effect.provide(Logger.layer([logger])), Effect.provide(PerNode.layer))
    }
  )
})
