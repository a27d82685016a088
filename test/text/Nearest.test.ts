import { assert, describe, it } from "vitest"
import { distance, nearby, within } from "../../src/text/Nearest.ts"

describe("Nearest", () => {
  it("NR1 what is near comes first, in any case of letters; what is far does not come at all", () => {
    const names = ["user-service", "user-servise", "User-Service2", "payments", "u"]

    assert.deepStrictEqual(nearby("user-servic", names), ["user-service", "user-servise", "User-Service2"])
    assert.deepStrictEqual(nearby("USER-SERVICE", names)[0], "user-service")
    assert.deepStrictEqual(nearby("orders", names), [])
    assert.deepStrictEqual(nearby("x".repeat(10_000), ["x".repeat(10_000)]), [])
  })

  it("NR2 long names that are nearly alike are compared in a few steps a character", () => {
    const names = Array.from({ length: 750 }, (_, i) => `${"k".repeat(249)}${i}`.slice(-252))
    const before = process.threadCpuUsage().user
    for (const name of ["k".repeat(252), "k".repeat(126) + "z".repeat(126), `${"k".repeat(245)}zzzzzzz`])
      nearby(name, names)

    assert.isBelow((process.threadCpuUsage().user - before) / 1_000, 300)
  })

  it("NR2 a distance that is within the bound is the whole one, and beyond it the bound is passed", () => {
    const words = [
      "",
      "a",
      "ab",
      "ba",
      "abc",
      "acb",
      "kitten",
      "sitting",
      "sit",
      "configuration",
      "confguratoin",
      "aaaaaaaa"
    ]
    for (const a of words)
      for (const b of words)
        for (let most = 0; most <= 13; most++)
          assert.strictEqual(within(a, b, most), Math.min(distance(a, b), most + 1), `${a} ${b} ${most}`)
    assert.deepStrictEqual([distance("kitten", "sitting"), distance("", "abc"), distance("abc", "acb")], [3, 3, 2])
  })
})
