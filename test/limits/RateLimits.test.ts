import { assert, describe, it } from "vitest"
import { Lots } from "../../src/limits/Lots.ts"
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

  it("LI2 LY1 keeps at most so many buckets, and those longest that are not full", () => {
    const limits = new RateLimits({ perSecond: 1, burst: 2 }, 10)
    limits.take("spent", 10_000)
    limits.take("spent", 10_000)
    for (let i = 0; i < 9; i++) limits.take(`old-${i}`, 1_000)
    limits.take("new", 10_000)

    assert.isAtMost(limits.size, 10)
    assert.isAbove(limits.take("spent", 10_000), 0)
  })

  it("LY2 where none is full newcomers share, get no burst of their own, and nobody gets theirs anew", () => {
    const limits = new RateLimits({ perSecond: 0.001, burst: 2 }, 10)
    for (let i = 0; i < 10; i++) for (let n = 0; n < 2; n++) assert.strictEqual(limits.take(`a${i}`, 0), 0)
    let given = 0
    for (let i = 0; i < 10_000; i++) if (limits.take(`crowd${i}`, 0) === 0) given++
    for (let i = 0; i < 10; i++) assert.isAbove(limits.take(`a${i}`, 0), 0)
    assert.strictEqual(limits.size, 10)
    assert.isAtMost(given, 2 * 256)
    assert.isAbove(limits.wait("crowd0", 0), 0)
    assert.strictEqual(limits.left("crowd0", 0), 0)
  })

  it("LY1 names of many bytes leave fewer places, and the bytes are given back", () => {
    const limits = new RateLimits({ perSecond: 1, burst: 1 })
    const long = "x".repeat(100_000)
    for (let i = 0; i < 100; i++) limits.take(`${long}${i}`, 0)
    assert.isAtMost(limits.size, 20)
    for (let i = 0; i < 100; i++) limits.take(`short${i}`, 5_000)
    assert.isAtLeast(limits.size, 100)
  })

  it("LI3 what costs more than one waits for as many, and never for more than a full bucket", () => {
    const limits = new RateLimits({ perSecond: 10, burst: 100 })
    const waits = [60, 60, 40, 5_000].map((cost) => limits.take("a", 0, cost))

    assert.deepStrictEqual(waits, [0, 2_000, 0, 10_000])
    assert.strictEqual(limits.take("a", 10_000, 5_000), 0)
  })

  for (const cost of [Number.NaN, -1, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 1e308])
    it(`LI3 a cost of ${cost} takes all, and the next waits`, () => {
      const limit = { perSecond: 10, burst: 100 }
      const lots = new Lots({
        ...{ limit, away: () => true, nodes: () => 1, clock: () => 0, doubt: () => {} },
        ask: () => assert.fail("it is away")
      })
      for (const limits of [new RateLimits(limit), lots]) {
        assert.strictEqual(limits.take("a", 0, cost), 0)
        assert.strictEqual(limits.left("a", 0), 0)
        assert.strictEqual(limits.take("a", 0, cost), 10_000)
      }
    })
})
