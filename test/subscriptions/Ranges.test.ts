import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Ranges } from "../../src/subscriptions/Ranges.ts"

const small = (to: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: to }))
const Added = Schema.Struct({ from: small(60), length: small(6) })

describe("Ranges", () => {
  it.prop(
    "DQ1 DQ2 DQ3 whatever is added, it is a set, also when it was written and read",
    [Schema.Array(Added)],
    ([all]) => {
      let ranges = new Ranges(3)
      const kept = new Ranges(3)
      const set = new Set([0, 1, 2])
      for (const { from, length } of all) {
        ranges.add(from, from + length)
        kept.add(from, from + length)
        assert.deepStrictEqual([kept.floor, kept.count, kept.spans], [ranges.floor, ranges.count, ranges.spans])
        assert.deepStrictEqual(kept.encode(), ranges.encode())
        for (let one = from; one < from + length; one++) set.add(one)
        let floor = 0
        while (set.has(floor)) floor++
        assert.strictEqual(ranges.floor, floor)
        let count = 0
        for (let one = 0; one < 70; one++) {
          assert.strictEqual(ranges.has(one), set.has(one))
          if (one > floor && set.has(one) && !set.has(one - 1)) count++
          let next = one
          while (set.has(next)) next++
          assert.strictEqual(ranges.next(one), next)
        }
        assert.strictEqual(ranges.count, count)
        ranges = Ranges.decode(ranges.floor, ranges.encode())!
      }
    }
  )

  it("DQ1 DQ2 a floor that goes through thousands of ranges leaves those above it as they are", () => {
    const ranges = new Ranges(0)
    for (let one = 1; one < 6_000; one += 2) ranges.add(one, one + 1)
    for (let one = 0; one < 5_990; one += 2) {
      assert.strictEqual(ranges.count, 3_000 - one / 2)
      ranges.add(one, one + 1)
      assert.strictEqual(ranges.floor, one + 2)
    }
    assert.deepStrictEqual(ranges.spans, Ranges.decode(ranges.floor, ranges.encode())!.spans)
    assert.deepStrictEqual([ranges.has(5_990), ranges.has(5_991), ranges.next(5_991)], [false, true, 5_992])
  })

  it("DQ3 what nobody wrote is refused", () => {
    for (const bytes of [[1], [128], [1, 128], [0, 1], [1, 0], [1, 1, 1], Array.from({ length: 12 }, () => 255)])
      assert.isUndefined(Ranges.decode(0, Uint8Array.from(bytes)), JSON.stringify(bytes))
    const far = new Ranges(0)
    far.add(2 ** 50, 2 ** 51)
    assert.isTrue(Ranges.decode(0, far.encode())!.has(2 ** 51 - 1))
    assert.isUndefined(Ranges.decode(2 ** 53 - 3, Uint8Array.from([1, 9])))
  })
})
