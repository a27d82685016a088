import { assert, describe, it } from "@effect/vitest"
import type { Stage } from "../../src/plans/Plan.ts"
import { ALL, isEverybody, makeBound } from "../../src/rollouts/Bound.ts"
import { bucketOf, wasTaken } from "../../src/rollouts/Cohort.ts"
import { stage } from "../support/Rollouts.ts"

const fleet = (size: number, labels: Record<string, string> = {}) =>
  Array.from({ length: size }, (_, at) => ({ instance: `web-${at}`, labels }))
const fixed = (of: Stage, instances: ReturnType<typeof fleet>, taken?: ReadonlyArray<string>) => {
  const bound = makeBound(of, "salt", new Set(taken))
  for (const one of instances) bound.add(one)
  return bound.fix()
}
/** Who is in a stage that began with it. */
const within = ({ below, also }: ReturnType<typeof fixed>, instances: ReturnType<typeof fleet>) =>
  instances
    .filter(({ instance }) => wasTaken({ revision: 1n, at: 0, below, also }, bucketOf("salt", instance), instance))
    .map(({ instance }) => instance)

describe("Bound", () => {
  it("BJ1 a percentage is of all buckets, and has one instance at least", () => {
    const many = fixed(stage(10), fleet(10_000))
    assert.strictEqual(many.below, Math.floor(ALL / 10))
    assert.strictEqual(many.named, 10_000)
    assert.closeTo(many.within, 1_000, 100)
    assert.strictEqual(fixed(stage(100), []).below, ALL)
    for (let size = 1; size < 20; size++) assert.isAtLeast(fixed(stage(0.001), fleet(size)).within, 1)
    assert.strictEqual(fixed(stage(1), []).below, Math.floor(ALL / 100), "nobody is connected: those who come")
  })

  it("BJ1 a count is of the smallest buckets of those that are connected", () => {
    const five = fixed(stage(1, { share: { count: 5 } }), fleet(1_000))
    assert.strictEqual(five.within, 5)
    const twenty = fixed(stage(1, { share: { count: 20 } }), fleet(1_000))
    assert.strictEqual(twenty.within, 20)
    assert.includeMembers(within(twenty, fleet(1_000)), within(five, fleet(1_000)))
    assert.deepStrictEqual(fixed(stage(1, { share: { count: 5 } }), []), { below: 0, also: [], named: 0, within: 0 })
    assert.strictEqual(fixed(stage(1, { share: { count: 5 } }), fleet(3)).within, 3)
  })

  it("BJ3 who comes later is in by a percentage only, however few were connected", () => {
    const later = fleet(10_000)
    for (const size of [1, 3, 10]) {
      const five = fixed(stage(1, { share: { count: 5 } }), fleet(size))
      assert.lengthOf(within(five, later), Math.min(5, size))
      const percent = fixed(stage(1), fleet(size))
      assert.closeTo(within(percent, later).length, 100, 40)
      assert.includeMembers(within(percent, later), [...percent.also])
      assert.isAtLeast(percent.within, 1)
    }
    const many = fixed(stage(1, { share: { count: 1_500 } }), fleet(3_000))
    assert.deepStrictEqual([many.also, many.within, within(many, fleet(3_000)).length], [[], 1_500, 1_500])
    // Together they take no more names than one may, and none twice.
    const first = fixed(stage(1, { share: { count: 600 } }), fleet(3_000))
    const next = fixed(stage(1, { share: { count: 900 } }), fleet(3_000), first.also)
    assert.strictEqual(new Set([...first.also, ...next.also]).size, 900)
    assert.lengthOf(next.also, 300)
    const last = fixed(stage(1, { share: { count: 1_200 } }), fleet(3_000), [...first.also, ...next.also])
    assert.deepStrictEqual([last.also, within(last, fleet(3_000)).length], [[], 1_200])
  })

  it("BJ1 it is of those whom the stage names", () => {
    const eu = fixed(stage(1, { where: { region: "eu" }, share: { count: 2 } }), [
      ...fleet(50, { region: "us" }),
      ...fleet(3, { region: "eu" })
    ])
    assert.deepStrictEqual([eu.named, eu.within], [3, 2])
    const listed = fixed(stage(100, { instances: ["web-1", "web-3"] }), fleet(9))
    assert.deepStrictEqual([listed.named, listed.within], [2, 2])
  })

  it("BJ2 it does not depend on the order in which they were read", () => {
    const of = stage(1, { share: { count: 7 } })
    assert.deepStrictEqual(fixed(of, fleet(100)), fixed(of, fleet(100).reverse()))
  })

  it("MV6 everybody is who has any labels, now and later", () => {
    assert.isTrue(isEverybody(stage(100)))
    assert.isFalse(isEverybody(stage(99)))
    assert.isFalse(isEverybody(stage(100, { share: { count: 1_000 } })))
    assert.isFalse(isEverybody(stage(100, { where: { region: "eu" } })))
    assert.isFalse(isEverybody(stage(100, { instances: ["web-1"] })))
  })
})
