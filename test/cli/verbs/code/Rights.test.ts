/** Which part of a folder's patterns one may see. */
import { assert, describe, it } from "@effect/vitest"
import { EVERYTHING } from "../../../../src/cli/verbs/code/Manifest.ts"
import { coveredOf } from "../../../../src/cli/verbs/code/Rights.ts"

describe("what one may see of patterns", () => {
  it("JW1 is all of them, without rights that end at keys or kinds", () => {
    for (const rights of [
      {},
      { keys: ["*"] },
      { keys: ["*"], kinds: ["config", "flag", "segment", "secret"] as const }
    ])
      assert.deepStrictEqual(coveredOf(rights, EVERYTHING), [...EVERYTHING])
  })

  it("JW1 is no pattern that is wider than the rights", () => {
    assert.deepStrictEqual(coveredOf({ keys: ["pay.*", "x"] }, EVERYTHING), [
      ...["pay.*", "x"],
      ...["@flag/pay.*", "@flag/x", "@segment/pay.*", "@segment/x"]
    ])
    assert.deepStrictEqual(coveredOf({ keys: ["pay.*"], kinds: ["config"] }, EVERYTHING), ["pay.*"])
    assert.deepStrictEqual(coveredOf({ kinds: ["flag"] }, EVERYTHING), ["@flag/*"])
    assert.deepStrictEqual(coveredOf({ keys: ["pay.*"] }, ["pay.db.*", "pay", "other", "@flag/pay.x"]), [
      ...["pay.db.*", "@flag/pay.x"]
    ])
    assert.deepStrictEqual(coveredOf({ kinds: ["secret"] }, EVERYTHING), [])
  })
})
