import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { SHARE, Shared } from "../../src/bounds/Shared.ts"

const BOUNDS = { entries: 10, bytes: 100 }
const Step = Schema.Struct({
  what: Schema.Literals(["set", "set", "use"]),
  id: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 })),
  owner: Schema.Literals(["a", "b", "c", ""]),
  weight: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 120 }))
})
const ids = (owner: string, count: number) => Array.from({ length: count }, (_, n) => `${owner}${n}`)

describe("what owners share", () => {
  it("XQ1 nobody's is pushed out by one who has more, and nobody has more than his share", () => {
    const shared = new Shared<number>(BOUNDS, () => 1)
    for (const id of ids("eve", 100)) shared.set(id, 1, "eve")
    assert.strictEqual(shared.size, BOUNDS.entries * SHARE)
    for (const id of ids("ann", 4)) shared.set(id, 1, "ann")
    for (const id of ids("eve", 100)) shared.set(id, 1, "eve")
    assert.isTrue(ids("ann", 4).every((id) => shared.get(id) === 1))
    // Who comes takes of whoever has most, until both have as much.
    for (const id of ids("ann", 100)) shared.set(id, 1, "ann")
    assert.strictEqual(ids("eve", 100).filter((id) => shared.get(id) === 1).length, 5)
    // By what they weigh as well.
    const heavy = new Shared<number>(BOUNDS, (weight) => weight)
    for (const id of ids("ann", 3)) heavy.set(id, 10, "ann")
    for (const id of ids("eve", 20)) heavy.set(id, 35, "eve")
    assert.isTrue(ids("ann", 3).every((id) => heavy.get(id) === 10))
    assert.deepStrictEqual([heavy.size, heavy.bytes], [5, 100])
  })

  it("XQ1 the oldest of one owner goes first, and what was used is new again", () => {
    const shared = new Shared<number>(BOUNDS, () => 1)
    for (const id of ids("ann", 8)) shared.set(id, 1, "ann")
    shared.use("ann0")
    shared.set("more", 1, "ann")
    assert.deepStrictEqual([shared.get("ann0"), shared.get("ann1")], [1, undefined])
  })

  it.prop("XQ2 whatever comes, it is within its bounds and knows what it has", [Schema.Array(Step)], ([steps]) => {
    const shared = new Shared<number>(BOUNDS, (weight) => weight)
    for (const { what, id, owner, weight } of steps) {
      if (what === "use") shared.use(`${id}`)
      else shared.set(`${id}`, weight, owner)
      const there = Array.from({ length: 21 }, (_, n) => shared.get(`${n}`)).filter((one) => one !== undefined)
      assert.strictEqual(shared.size, there.length)
      assert.strictEqual(
        shared.bytes,
        there.reduce((sum, one) => sum + one, 0)
      )
      assert.isAtMost(shared.size, BOUNDS.entries)
      assert.isAtMost(shared.bytes, BOUNDS.bytes)
      assert.isAtMost(shared.owners, shared.size)
    }
  })
})
