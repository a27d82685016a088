import { assert, describe, it } from "@effect/vitest"
import { sampleRatio } from "../../src/statistics/SampleRatio.ts"

describe("shares of variants", () => {
  it("VR1 finds what is too many of one, and says nothing of what chance does", () => {
    assert.deepEqual(sampleRatio([0, 0], [50, 50]), { p: 1, mismatch: false })
    assert.deepEqual(sampleRatio([1_010, 990], [50, 50]), { p: 1, mismatch: false })
    assert.isTrue(sampleRatio([1_100, 900], [50, 50]).mismatch)
    assert.isTrue(sampleRatio([5e11, 5e11 + 1e7], [1, 1]).mismatch)
    assert.isFalse(sampleRatio([5e11, 5e11 + 1e6], [1, 1]).mismatch)
    assert.isTrue(sampleRatio([8_000, 1_000, 1_300], [80, 10, 10]).mismatch)
  })

  it("VR1 refuses what is no count and no share", () => {
    for (const [counts, shares] of [
      [[1], [1, 2]],
      [
        [Number.NaN, 1],
        [1, 1]
      ],
      [
        [-1, 1],
        [1, 1]
      ],
      [
        [1, 1],
        [0, 1]
      ]
    ] as const)
      assert.throws(() => sampleRatio(counts, shares), RangeError)
  })
})
