import { assert, describe, it } from "@effect/vitest"
import { deviance, divergence, price } from "../../src/statistics/Divergence.ts"

describe("divergence", () => {
  it("VD1 is 0 where it is as supposed, infinite where it can't be, and never below", () => {
    for (const n of [1, 10, 1e6, 1e12]) {
      assert.strictEqual(divergence(n, 0, 0), 0)
      assert.strictEqual(divergence(n, n, 1), 0)
      assert.strictEqual(divergence(n, n, 0), Infinity)
      assert.isAtMost(divergence(n, n / 4, 0.25), 1e-9)
      assert.isAtMost(price(n, 0), 0)
    }
    assert.strictEqual(deviance(0, 0), 0)
  })
})
