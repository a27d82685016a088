import { assert, describe, it } from "vitest"
import { RateLimits } from "../../src/limits/RateLimits.ts"

describe("RateLimits", () => {
  it("LI1 gives the burst, then the rate, and says how long to wait", () => {
    const limits = new RateLimits({ perSecond: 2, burst: 3 })
    const waits = [0, 0, 0, 0, 250, 500, 500, 100_000, 100_000, 100_000, 100_000].map((now) => limits.take("a", now))

    assert.deepStrictEqual(waits, [0, 0, 0, 500, 250, 0, 500, 0, 0, 0, 500])
  })

  it("LI1 time that goes back adds nothing and takes nothing", () => {
    const limits = new RateLimits({ perSecond: 1, burst: 1 })

    assert.deepStrictEqual([limits.take("a", 5_000), limits.take("a", 1_000)], [0, 1_000])
  })

  it("LI2 keeps at most so many buckets, and the empty ones longest", () => {
    const limits = new RateLimits({ perSecond: 1, burst: 2 }, 10)
    limits.take("spent", 10_000)
    limits.take("spent", 10_000)
    for (let i = 0; i < 9; i++) limits.take(`old-${i}`, 1_000)
    limits.take("new", 10_000)

    assert.isAtMost(limits.size, 10)
    assert.isAbove(limits.take("spent", 10_000), 0)
  })

  it("LI3 what costs more than one waits for as many, and never for more than a full bucket", () => {
    const limits = new RateLimits({ perSecond: 10, burst: 100 })
    const waits = [60, 60, 40, 5_000].map((cost) => limits.take("a", 0, cost))

    assert.deepStrictEqual(waits, [0, 2_000, 0, 10_000])
    assert.strictEqual(limits.take("a", 10_000, 5_000), 0)
  })
})
