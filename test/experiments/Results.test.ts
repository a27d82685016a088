import { assert, describe, it } from "@effect/vitest"
import type { Design, Metric } from "../../src/experiments/Experiment.ts"
import { resultsOf } from "../../src/experiments/Results.ts"
import type { Summed } from "../../src/experiments/Sums.ts"

const metric = (more: Partial<Metric> = {}): Metric => ({
  ...{ name: "buy", kind: "conversion", event: "buy", windowMillis: 1_000, cap: null, better: "more" },
  ...more
})
const plan = (...metrics: ReadonlyArray<Metric>): Design => ({
  flag: "flag",
  arms: [
    { variant: "off", share: 1 },
    { variant: "on", share: 1 }
  ],
  ...{ metrics, alpha: 0.05, layer: "", buckets: [[0, 1_000]] }
})
const hits = (n: number, sum: number) => ({ n, sum, sumSquares: sum })
const of = (summed: Summed, ...metrics: ReadonlyArray<Metric>) => resultsOf(plan(...metrics), summed, 1, [])
const verdicts = (summed: Summed, ...metrics: ReadonlyArray<Metric>) =>
  of(summed, ...metrics).metrics.map(({ arms }) => arms[1]!.verdict)

describe("Results", () => {
  it("XF1 a difference is claimed when its interval has left 0, for better or worse, as the metric gets better", () => {
    const units = [5_000, 5_010]
    const clear = [[hits(5_000, 500), hits(5_010, 750)]]
    assert.deepStrictEqual(verdicts({ units, mixed: 0, samples: clear }, metric()), ["better"])
    assert.deepStrictEqual(verdicts({ units, mixed: 0, samples: clear }, metric({ better: "less" })), ["worse"])
    const close = [[hits(5_000, 500), hits(5_010, 520)]]
    assert.deepStrictEqual(verdicts({ units, mixed: 0, samples: close }, metric()), ["unclear"])
    const found = of({ units, mixed: 3, samples: clear }, metric())
    assert.deepInclude(found, { units: 10_010, mixed: 3 })
    const { lift, value } = found.metrics[0]!.arms[1]!
    assert.isAbove(lift!.low!, 0)
    assert.isBelow(lift!.low!, lift!.estimate!)
    assert.isAbove(lift!.high!, lift!.estimate!)
    assert.closeTo(value.estimate!, 0.1497, 0.001)
    assert.isNull(found.metrics[0]!.arms[0]!.lift)
  })

  it("XF1 the more variants, the surer each has to be", () => {
    const two = { units: [5_000, 5_000], mixed: 0, samples: [[hits(5_000, 500), hits(5_000, 600)]] }
    const three = {
      units: [5_000, 5_000, 5_000],
      mixed: 0,
      samples: [[hits(5_000, 500), hits(5_000, 600), hits(5_000, 500)]]
    }
    const [narrow, wide] = [
      of(two, metric()),
      resultsOf(
        { ...plan(metric()), arms: ["off", "on", "blue"].map((variant) => ({ variant, share: 1 })) },
        three,
        1,
        []
      )
    ].map(({ metrics }) => metrics[0]!.arms[1]!.lift!)
    assert.isBelow(wide!.low!, narrow!.low!)
  })

  it("XF2 nothing is claimed where people do not come by their shares", () => {
    const summed = { units: [5_000, 6_000], mixed: 0, samples: [[hits(5_000, 500), hits(6_000, 3_000)]] }
    const found = of(summed, metric())
    assert.isTrue(found.sampleRatio.mismatch)
    assert.strictEqual(found.metrics[0]!.arms[1]!.verdict, "unclear")
    assert.isFalse(of({ ...summed, units: [5_000, 5_100] }, metric()).sampleRatio.mismatch)
  })

  it("XF3 what isn't known is null, and all of it is JSON", () => {
    const nobody = {
      units: [0, 0],
      mixed: 0,
      samples: [
        [hits(0, 0), hits(0, 0)],
        [hits(0, 0), hits(0, 0)]
      ]
    }
    const few = {
      units: [1, 2],
      mixed: 0,
      samples: [
        [hits(1, 0), hits(2, 1)],
        [hits(1, 0), hits(2, 7)]
      ]
    }
    for (const summed of [nobody, few]) {
      const found = of(summed, metric(), metric({ name: "worth", kind: "mean" }))
      assert.deepStrictEqual(JSON.parse(JSON.stringify(found)), found)
      assert.deepStrictEqual(
        found.metrics.map(({ arms }) => arms[1]!.verdict),
        ["unclear", "unclear"]
      )
    }
  })
})
