import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { TestClock } from "effect/testing"
import { makeCounts } from "../../src/sessions/Counts.ts"
import type { ValueUpdate } from "../../src/updates/Update.ts"

const update = (committedAt: number): ValueUpdate => ({
  kind: "value",
  environment: "production",
  key: "svc",
  version: 1,
  revision: 1n,
  epoch: "e",
  format: "string",
  content: "x",
  digest: "",
  delta: undefined,
  traceparent: "",
  committedAt,
  stale: false,
  strict: false
})

const read = (name: string) =>
  Effect.map(Metric.snapshot, (all) => {
    const found = all.find(({ id, type }) => id === name && type === "Histogram")
    assert.isDefined(found)
    return found.state as { readonly count: number; readonly sum: number }
  })

describe("Counts", () => {
  it.effect(
    "TE1 measures from the commit to hand-over and answer, and not what was committed before the client came",
    () =>
      Effect.gen(function* () {
        const counts = yield* makeCounts(
          () => 1,
          () => 0
        )
        const client = { connectedAt: 1_000 }
        counts.delivered(update(999), client, 60_000)
        counts.delivered(update(1_000), client, 1_025)
        counts.delivered(update(1_010), client, 1_009)
        counts.applied(update(999), client, 60_000)
        counts.applied(update(1_000), client, 1_500)
        yield* TestClock.adjust("1 second")

        const delivered = yield* read("herald_commit_to_delivered_seconds")
        assert.strictEqual(delivered.count, 2)
        assert.closeTo(delivered.sum, 0.025, 1e-9)
        const applied = yield* read("herald_commit_to_applied_seconds")
        assert.strictEqual(applied.count, 1)
        assert.closeTo(applied.sum, 0.5, 1e-9)
      }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )
})
