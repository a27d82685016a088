import { assert, describe, it } from "@effect/vitest"
import { readinessOf } from "../../src/telemetry/Readiness.ts"

describe("Readiness", () => {
  it("DG1 only a view that the database does not confirm makes a node unready; what is lacking is named", () => {
    assert.deepStrictEqual(readinessOf(false, []), { ready: true, degraded: [] })
    assert.deepStrictEqual(readinessOf(false, ["redis", "events"]), { ready: true, degraded: ["events", "redis"] })
    assert.deepStrictEqual(readinessOf(true, ["redis"]), { ready: false, degraded: ["postgresql", "redis"] })
  })
})
