import { assert, describe, it } from "@effect/vitest"
import { effective, type Group } from "../../src/statistics/Clusters.ts"
import { exceeds } from "../../src/statistics/Exceeds.ts"

const all = (...groups: ReadonlyArray<readonly [n: number, sum: number]>): ReadonlyArray<Group> =>
  groups.map(([n, sum]) => ({ n, sum }))

const noClusters: ReadonlyArray<Group> = []

const many = (count: number, n: number, sum: number) => Array.from({ length: count }, () => [n, sum] as const)

describe("instances", () => {
  it("VK1 one that says much proves nothing, whatever it says and however little others do", () => {
    for (const honest of [1, 2, 5, 30, 500])
      for (const requests of [10, 1_000, 1e6])
        for (const its of [1, 100, 1e4, 1e7, 1e12])
          for (const share of [0.05, 0.5, 1]) {
            const cohort = all(...many(honest, requests, 0.008 * requests), [its, its * share])
            const control = all(...many(40, requests, 0.008 * requests))
            const worth = effective(cohort, control)
            assert.isFalse(exceeds(worth.candidate, 0.01, 0.01).rejected, `${honest} ${requests} ${its} ${share}`)
            assert.isFalse(exceeds(worth.candidate, worth.control, 0.01, 1.2).rejected)
            // Nor does one of the control hide what the cohort has, unless the others are few.
            const worse = effective(all(...many(honest + 40, requests, requests * 0.2)), cohort)
            if (honest === 500 && its <= requests) assert.isTrue(exceeds(worse.candidate, worse.control, 0.01).rejected)
          }
  })

  it("VK1 of one alone nothing is known, and of many that agree what they say", () => {
    assert.deepInclude(effective(all([1_000, 500]), noClusters).candidate, { n: 0, sum: 0 })
    const alike = effective(all(...many(20, 1_000, 500)), noClusters).candidate
    assert.deepInclude(alike, { n: 20_000, sum: 10_000 })
    assert.deepInclude(effective(noClusters, noClusters).candidate, { n: 0, sum: 0 })
  })

  it("VK3 what is unknown of one side is taken from the other", () => {
    const control = all(...Array.from({ length: 50 }, (_, n) => [1_000, n % 2 === 0 ? 2 : 38] as const))
    const { candidate } = effective(all([1_000, 20], [1_000, 20]), control)
    assert.isBelow(candidate.n, 200)
  })

  it("VK4 few that agree count less than many", () => {
    const worth = (count: number) =>
      effective(all(...many(count, 1_000, 100)), all(...many(count, 1_000, 100))).candidate
    assert.closeTo(worth(3).n, 3_000 / 64, 1e-9)
    assert.closeTo(worth(5).n, 5_000 / 8, 1e-9)
    assert.strictEqual(worth(9).n, 9_000)
    assert.deepInclude(worth(1), { n: 0, sum: 0 })
  })

  it("VK2 a group without requests counts for nothing", () => {
    const some = [...many(20, 1_000, 7), [900, 20] as const]
    assert.deepEqual(effective(all(...some, [0, 0]), all([0, 0])), effective(all(...some), noClusters))
  })
})
