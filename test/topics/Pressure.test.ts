import { assert, describe, it } from "@effect/vitest"
import { Pressure } from "../../src/topics/Pressure.ts"

describe("what publishers wait for", () => {
  it("PW1 a partition is there only while something of it is under way, and says since when nothing was answered", () => {
    let now = 1_000
    const pressure = new Pressure(() => now)
    const [one, other] = [
      { topic: 1, partition: 0 },
      { topic: 1, partition: 1 }
    ]
    const first = pressure.begin(one, "t", 100)
    const second = pressure.begin(one, "t", 50)
    const third = pressure.begin(other, "t", 7)
    now = 3_000
    assert.deepStrictEqual(pressure.of(one), { batches: 2, bytes: 150, millis: 2_000 })
    assert.strictEqual(pressure.bytes, 157)
    first()
    now = 3_500
    assert.deepStrictEqual(pressure.of(one), { batches: 1, bytes: 50, millis: 500 })
    third()
    assert.deepStrictEqual(pressure.all, [{ topic: 1, partition: 0, name: "t", batches: 1, bytes: 50, millis: 500 }])
    second()
    assert.deepStrictEqual([pressure.all, pressure.bytes], [[], 0])
    assert.deepStrictEqual(pressure.of(one), { batches: 0, bytes: 0, millis: 0 })
  })
})
