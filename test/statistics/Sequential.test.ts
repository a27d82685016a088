import { assert, describe, it } from "@effect/vitest"
import { counted, type Sample } from "../../src/statistics/Sample.ts"
import { critical, difference, LEAST, lift, mean, proportion } from "../../src/statistics/Sequential.ts"

const near = (is: number, should: number, within = 1e-9): void =>
  assert.isAtMost(Math.abs(is - should), within * Math.max(1, Math.abs(should)), `${is}, not ${should}`)

const sampleOf = (values: ReadonlyArray<number>): Sample => ({
  n: values.length,
  sum: values.reduce((sum, value) => sum + value, 0),
  sumSquares: values.reduce((sum, value) => sum + value * value, 0)
})

describe("intervals", () => {
  it("VA1 of nothing is everything, and of none or all has the end that it must have", () => {
    assert.deepInclude(proportion(counted(0, 0), 0.05), { low: 0, high: 1 })
    assert.deepInclude(proportion(counted(9, 0), 0.05), { estimate: 0, low: 0 })
    assert.deepInclude(proportion(counted(9, 9), 0.05), { estimate: 1, high: 1 })
  })

  it("VA2 the critical value is narrowest around what it is tuned for", () => {
    near(critical(2_500, 0.05), 3.03, 0.01)
    assert.isAbove(critical(25, 0.05), 8)
    assert.isBelow(critical(1e6, 0.05), 3.8)
  })

  it("VA2 a difference and a lift agree about whether there is one", () => {
    for (const [n, hits, m, others] of [
      [5_000, 250, 5_000, 300],
      [5_000, 250, 5_000, 400],
      [900, 0, 90_000, 700],
      [1e9, 1e8, 1e9, 1.001e8]
    ] as const) {
      const [control, treatment] = [counted(n, hits), counted(m, others)]
      const [by, of] = [
        difference(control, treatment, 0.05, "proportion"),
        lift(control, treatment, 0.05, "proportion")
      ]
      assert.strictEqual(by.low > 0, of.low > 0)
      assert.isTrue(by.low <= by.estimate && by.estimate <= by.high)
      assert.isTrue(of.low <= of.estimate && of.estimate <= of.high)
    }
  })

  it("VA3 of few values, and of values that are all equal, a mean is not limited", () => {
    const few = sampleOf(Array.from({ length: LEAST - 1 }, (_, n) => n))
    const equal = sampleOf(Array.from({ length: 500 }, () => 3))
    const many = sampleOf(Array.from({ length: 500 }, (_, n) => n % 7))
    for (const sample of [few, equal]) {
      assert.deepInclude(mean(sample, 0.05), { low: -Infinity, high: Infinity })
      assert.deepInclude(difference(many, sample, 0.05, "mean"), { low: -Infinity, high: Infinity })
      assert.deepInclude(lift(sample, many, 0.05, "mean"), { low: -Infinity, high: Infinity })
    }
    assert.isAbove(mean(many, 0.05).low, 2)
  })

  it("VS1 what is no sample is refused", () => {
    for (const sample of [
      counted(Number.NaN, 0),
      counted(3, 4),
      counted(3, -1),
      counted(3, Number.NaN),
      counted(-1, 0)
    ]) {
      assert.throws(() => proportion(sample, 0.05), RangeError)
      assert.throws(() => difference(sample, counted(1, 1), 0.05, "proportion"), RangeError)
      assert.throws(() => lift(counted(1, 1), sample, 0.05, "proportion"), RangeError)
    }
    for (const sample of [
      { n: 3, sum: Number.NaN, sumSquares: 1 },
      { n: 3, sum: 1, sumSquares: Infinity },
      { n: 0, sum: 1, sumSquares: 1 }
    ])
      assert.throws(() => mean(sample, 0.05), RangeError)
    for (const alpha of [0, 1, Number.NaN, 5]) assert.throws(() => proportion(counted(3, 1), alpha), RangeError)
  })
})
