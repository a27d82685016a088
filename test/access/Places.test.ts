import { assert, describe, it } from "vitest"
import { Places } from "../../src/access/Places.ts"

describe("Places", () => {
  it("PL1 a place counts for each of its names, is refused for the first that is full, and is given back once", () => {
    const places = new Places([3, 2])
    const [a, b] = [places.take("", "a"), places.take("", "a")]
    const full = places.take("", "a")
    const unnamed = places.take("", undefined)
    const inAll = places.take("", "b")
    if (typeof a === "number" || typeof b === "number" || typeof unnamed === "number") throw new Error("no room")
    a()
    a()

    assert.deepStrictEqual([full, inAll], [1, 0])
    assert.deepStrictEqual([places.count(0, ""), places.count(1, "a")], [2, 1])
    assert.isFunction(places.take("", "a"))
  })

  it("PL2 what nobody holds is forgotten", () => {
    const places = new Places([10])
    for (let i = 0; i < 1_000; i++) {
      const give = places.take(String(i))
      if (typeof give !== "number") give()
    }

    assert.strictEqual(places.size, 0)
  })
})
