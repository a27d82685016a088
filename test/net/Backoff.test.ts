import { assert, describe, it } from "vitest"
import { backoff } from "../../src/net/Backoff.ts"

describe("backoff", () => {
  it("BA1 doubles up to the longest, and stays there", () => {
    const terms = { first: 100, longest: 1_000, spread: 0 }
    const waits = [0, 1, 2, 3, 4, 10_000].map((before) => backoff(terms, before, 0.3))
    assert.deepStrictEqual(waits, [100, 200, 400, 800, 1_000, 1_000])
  })

  it("BA1 the random part takes from a wait and never adds", () => {
    const waits = (spread: number) =>
      [0, 0.5, 1].map((random) => backoff({ first: 100, longest: 400, spread }, 9, random))
    assert.deepStrictEqual(waits(0.5), [200, 300, 400])
    assert.deepStrictEqual(waits(1), [0, 200, 400])
  })
})
