import { assert, describe, it } from "@effect/vitest"
import { ByteBudget } from "../../src/bounds/ByteBudget.ts"
import { Held } from "../../src/sessions/Held.ts"

const digest = (i: number) => i.toString(16).padStart(64, "0")
const entries = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({
    key: `svc.k${from + i}`,
    digest: digest(from + i + 1),
    revision: BigInt(from + i)
  }))

describe("Held", () => {
  it("HB1 what is said comes out as it was said, tombstones and odd digests too", () => {
    const held = new Held()
    const said = [...entries(0, 3), { key: "svc.gone", digest: "", revision: 7n }]
    held.add(said)
    held.add([{ key: "svc.odd", digest: "no digest", revision: 8n }])
    const out = [...held.taken()]

    assert.deepStrictEqual(out.slice(0, 4), said)
    assert.strictEqual(out[4]?.digest, "f".repeat(64))
    assert.strictEqual(held.size, 0)
  })

  it("HB1 all hellos together take no more than the budget, and give back what was compared or dropped", () => {
    const budget = new ByteBudget(50_000)
    const [a, b, c] = [new Held(budget), new Held(budget), new Held(budget)]
    assert.isTrue(a.add(entries(0, 200)))
    assert.isTrue(b.add(entries(0, 200)))
    const taken = budget.taken
    assert.isFalse(c.add(entries(0, 200)))
    assert.strictEqual(budget.taken, taken)
    assert.strictEqual(c.size, 0)

    assert.strictEqual([...a.taken()].length, 200)
    b.drop()
    b.drop()
    assert.strictEqual(budget.taken, 0)
    assert.isTrue(c.add(entries(0, 200)))
  })

  it("HB2 one owner's hellos leave room for those of others, and take their part again when they are through", () => {
    const budget = new ByteBudget(40_000, 25_000)
    const mine = () => new Held(budget, "mine")
    const [a, b, other] = [mine(), mine(), new Held(budget, "other")]
    assert.isTrue(a.add(entries(0, 200)))
    assert.isFalse(b.add(entries(0, 200)))
    assert.isTrue(other.add(entries(0, 200)))

    a.drop()
    assert.isTrue(b.add(entries(0, 200)))
  })

  it("HB2 parts that say nothing do not come free", () => {
    const held = new Held(new ByteBudget(100_000))
    let parts = 0
    while (parts < 1_000 && held.add([])) parts++

    assert.isBelow(parts, 1_000)
    held.drop()
    assert.isTrue(held.add([]))
  })

  it("HB1 a part is freed when it is through, and dropping it in the middle ends the walk", () => {
    const budget = new ByteBudget(1_000_000)
    const held = new Held(budget)
    held.add(entries(0, 100))
    held.add(entries(100, 200))
    const walk = held.taken()
    for (let i = 0; i < 101; i++) walk.next()
    assert.strictEqual(held.size, 100)
    held.drop()

    assert.isTrue(walk.next().done)
    assert.strictEqual(budget.taken, 0)
  })

  it("HB1 a hundred thousand digests take a tenth of what they take as text", () => {
    const held = new Held()
    for (let i = 0; i < 100_000; i += 5_000) held.add(entries(i, i + 5_000))

    assert.isAtMost(held.bytes, 10_000_000)
  })
})
