import { assert, describe, it } from "@effect/vitest"
import { coveredBy } from "../../src/marketdata/Covered.ts"

describe("Covered", () => {
  it("MU4 names are covered by any pattern, ranked by the first, and begin with what all patterns have in common", () => {
    const { prefix, covers, rankOf } = coveredBy(["md/us", "md/u/*", "md/*"])
    assert.strictEqual(prefix, "md/")
    assert.deepStrictEqual(["md/us", "md/u/a", "md/u", "md/usx", "other"].map(covers), [true, true, true, true, false])
    assert.deepStrictEqual(["md/us", "md/u/a", "md/u", "md/usx", "other"].map(rankOf), [0, 1, 2, 2, 3])
    assert.deepStrictEqual(
      [coveredBy(["*"]).prefix, coveredBy(["a/*", "*"]).prefix, coveredBy(["a/x"]).prefix],
      ["", "", "a/x"]
    )
    assert.isTrue(coveredBy(["*"]).covers("anything"))
    assert.isFalse(coveredBy([]).covers("anything"))
    assert.isFalse(coveredBy(["a/*"]).covers("a"))
  })
})
