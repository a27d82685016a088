import { assert, describe, it } from "@effect/vitest"
import { ByteBudget } from "../../src/bounds/ByteBudget.ts"

describe("ByteBudget", () => {
  it("BB1 neither what all take nor what one takes passes its bound, and what was given back may be taken again", () => {
    const budget = new ByteBudget(100, 60)
    assert.isTrue(budget.take(60, "a"))
    assert.isFalse(budget.take(1, "a"))
    assert.isFalse(budget.take(41, "b"))
    assert.isTrue(budget.take(40, "b"))
    assert.isFalse(budget.take(1, "c"))
    assert.deepStrictEqual([budget.taken, budget.takenBy("a"), budget.takenBy("b")], [100, 60, 40])
    budget.give(60, "a")
    assert.deepStrictEqual([budget.taken, budget.takenBy("a")], [40, 0])
    assert.isTrue(budget.take(60, "c"))
  })
})
