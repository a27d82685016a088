import { assert, describe, it } from "@effect/vitest"
import { exceeds } from "../../src/statistics/Exceeds.ts"
import { counted } from "../../src/statistics/Sample.ts"

describe("rates that are too high", () => {
  it("VE1 no evidence is one, and what is better than it may be is none", () => {
    assert.deepInclude(exceeds(counted(0, 0), 0.01, 0.01), { e: 1, rejected: false })
    assert.deepInclude(exceeds(counted(0, 0), counted(100, 1), 0.01), { e: 1, rejected: false })
    assert.isBelow(exceeds(counted(1_000, 3), 0.01, 0.01).e, 1)
    assert.isBelow(exceeds(counted(1_000, 3), counted(1_000, 8), 0.01).e, 1)
  })

  it("VE2 a control a hundred times as large costs little more than a limit", () => {
    const candidate = counted(3_000, 60)
    assert.isTrue(exceeds(candidate, counted(300_000, 3_000), 0.01).rejected)
    assert.isFalse(exceeds(candidate, counted(3_000, 30), 0.01).rejected)
  })

  it("VE3 rejected, the interval is above the limit, and not before", () => {
    for (let errors = 0; errors <= 120; errors++) {
      const candidate = counted(3_000, errors)
      for (const times of [0.5, 1, 1.2]) {
        const byLimit = exceeds(candidate, 0.01, 0.01, times)
        assert.strictEqual(byLimit.rejected, byLimit.interval.low > 0.01 * times)
        const byControl = exceeds(candidate, counted(50_000, 500), 0.01, times)
        assert.strictEqual(byControl.rejected, byControl.interval.low > times)
        assert.strictEqual(byControl.rejected, byControl.e >= 100)
      }
    }
  })
})
