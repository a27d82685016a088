import { assert, describe, it } from "vitest"
import { Kept, NAMES } from "../../src/limits/Kept.ts"

const kept = (most: number, full: (value: { name: string }) => boolean = () => true) =>
  new Kept<{ name: string }>({ most, make: (name) => ({ name }), isNew: full })

describe("what is kept by name", () => {
  it("LY1 the least recently used makes room, and what was used since stays the same", () => {
    const all = kept(3)
    const first = all.of("a", 0)
    for (const name of ["b", "c"]) all.of(name, 0)
    all.of("a", 1)
    all.of("d", 2)
    assert.strictEqual(all.find("a"), first)
    assert.isUndefined(all.find("b"))
  })

  it("LY1 bytes are given back with what they were for", () => {
    const all = kept(2)
    for (let i = 0; i < 1_000; i++) all.of(`${"x".repeat(1_000)}${i}`, i)
    assert.strictEqual(all.size, 2)
    assert.isBelow(all.bytes, 5_000)
    assert.isBelow(all.bytes, NAMES)
  })

  it("LY3 few are looked at for room, however many there are", () => {
    let looked = 0
    const all = kept(1_000, () => {
      looked++
      return false
    })
    for (let i = 0; i < 1_000; i++) all.of(`a${i}`, 0)
    all.of("b", 0)
    assert.isAtMost(looked, 16)
  })
})
