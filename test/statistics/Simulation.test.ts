/**
 * A hundredth of what `node bench/statistics.ts` simulates, by a seed: what is found here is found each time. So few runs vary by themselves: they may be
 * wrong as often as is said, and three standard errors; that of 10,000 runs no more are wrong than is said is held by the benchmark, which fails otherwise.
 */
import { assert, describe, it } from "@effect/vitest"
import { exceeds } from "../../src/statistics/Exceeds.ts"
import { counted } from "../../src/statistics/Sample.ts"
import { critical, difference, lift, likeRatio } from "../../src/statistics/Sequential.ts"
import { FALSE_ALARMS, FINDS, LOOKED_AT_ONCE, LOOKS, OF_INSTANCES, ONE_BY_ONE } from "./Scenarios.ts"
import { drawing, simulate } from "./Simulation.ts"

const RUNS = 100

/** Of so many runs. */
const most = (alpha: number, runs: number): number => alpha * runs + 3 * Math.sqrt(alpha * (1 - alpha) * runs)

describe("looked at a thousand times", () => {
  for (const { what, alpha, begin } of FALSE_ALARMS)
    it(`VE1, VA2, VR1 is wrong no more often than it says: ${what}`, () => {
      const { often } = simulate(11, RUNS, LOOKS, begin)
      assert.isAtMost(often, most(alpha, RUNS))
    })

  for (const { what, alpha, begin } of OF_INSTANCES)
    it(`VK1, VK3 is wrong no more often than it says: ${what}`, () => {
      assert.isAtMost(simulate(11, 25, LOOKS / 2, begin).often, most(alpha, 25))
    })

  for (const { what, alpha, begin } of ONE_BY_ONE)
    it(`VK1 is wrong often, were it not for instances: ${what}`, () => {
      assert.isAbove(simulate(11, 25, LOOKS / 2, begin).often, 5 * alpha * 25)
    })

  for (const { what, alpha, begin } of LOOKED_AT_ONCE)
    it(`VE1 a test for one look is wrong many times as often: ${what}`, () => {
      assert.isAbove(simulate(11, RUNS, LOOKS, begin).often, 5 * alpha * RUNS)
    })

  for (const { what, begin } of FINDS)
    it(`VE1, VA2, VR1 half of the runs find what is there: ${what}`, () => {
      assert.isAtLeast(simulate(11, 25, LOOKS, begin).often, 13)
    })
})

describe("any samples", () => {
  const samples = (seed: number) => {
    const draw = drawing(seed)
    const one = () => {
      const n = Math.ceil(10 ** (draw.next() * 6))
      return counted(n, draw.hits(n, draw.next() < 0.2 ? Math.round(draw.next()) : draw.next() ** 3))
    }
    return Array.from({ length: 200 }, () => [one(), one()] as const)
  }

  it("VA2 a lift is outside of its interval exactly where it is too unlikely", () => {
    for (const [control, treatment] of samples(3)) {
      const { low, high, estimate } = lift(control, treatment, 0.05, "proportion")
      const most = critical(1 / (1 / control.n + 1 / treatment.n), 0.05) ** 2 / 2
      const excluded = (by: number) => likeRatio(control, treatment, 1 + by) > most
      assert.isTrue(!(low > estimate) && !(high < estimate), `${low} ${estimate} ${high}`)
      // Nearer to −1, what is subtracted from 1 has too few digits left.
      if (low > -0.999) assert.isTrue(excluded(low - 1e-6 * (1 + low)) && !excluded(low + 1e-6 * (1 + low)))
      if (high < Infinity && high > -0.999)
        assert.isTrue(excluded(high + 1e-6 * (1 + high)) && !excluded(high - 1e-6 * (1 + high)))
    }
  })

  it("VA2 what fails less often is worth the same, counted from the other side", () => {
    const other = ({ n, sum }: { n: number; sum: number }) => counted(n, n - sum)
    for (const [control, treatment] of samples(4)) {
      const one = difference(control, treatment, 0.05, "proportion")
      const two = difference(other(control), other(treatment), 0.05, "proportion")
      const back = difference(treatment, control, 0.05, "proportion")
      assert.closeTo(one.low, -two.high, 1e-7)
      assert.closeTo(one.high, -two.low, 1e-7)
      assert.closeTo(one.low, -back.high, 1e-7)
      assert.isTrue(one.low >= -1 && one.high <= 1 && one.low <= one.estimate && one.estimate <= one.high)
    }
  })

  it("VE1, VE3 more errors are more evidence, more allowed is less, and intervals say the same", () => {
    for (const [control, candidate] of samples(5)) {
      for (const against of [control, control.sum / control.n]) {
        const { e, rejected, interval } = exceeds(candidate, against, 0.01)
        assert.isTrue(e >= 0 && Number.isFinite(e))
        assert.strictEqual(rejected, e >= 100)
        assert.strictEqual(rejected, interval.low > (typeof against === "number" ? against : 1))
        assert.isAtMost(exceeds(candidate, against, 0.01, 1.5).e, e * (1 + 1e-9) + 1e-12)
        if (candidate.sum < candidate.n && e >= 1)
          assert.isAtLeast(exceeds(counted(candidate.n, candidate.sum + 1), against, 0.01).e, e)
      }
    }
  })
})
