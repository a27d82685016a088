import { assert, describe, it } from "@effect/vitest"
import { vi } from "vitest"
import type { Head } from "../../src/configuration/Configuration.ts"
import { Heads, slices } from "../../src/configuration/Heads.ts"
import { SortedKeys } from "../../src/configuration/SortedKeys.ts"
import { matches } from "../../src/keys/Pattern.ts"
import { head } from "../support/Configuration.ts"

/** The same numbers in every run. */
const random = (seed: number) => () => {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
  return seed / 2_147_483_648
}
const keysOf = (heads: ReadonlyArray<Head>) => heads.map(({ key }) => key)

describe("SortedKeys", () => {
  it("HI1 holds what a sorted set holds, whatever is added and taken away", () => {
    const next = random(7)
    const keys = new SortedKeys()
    const model = new Set<string>()
    const check = () => {
      const sorted = [...model].sort()
      assert.strictEqual(keys.size, model.size)
      assert.deepStrictEqual([...keys.from("", true)], sorted)
      for (const from of ["k5", "k50", sorted[3] ?? "", `${sorted[3] ?? ""}x`, "zzz"]) {
        assert.deepStrictEqual(
          [...keys.from(from, true)],
          sorted.filter((key) => key >= from)
        )
        assert.deepStrictEqual(
          [...keys.from(from, false)],
          sorted.filter((key) => key > from)
        )
      }
    }
    check()
    for (const [share, rounds] of [
      [1, 9_000],
      [0.2, 12_000],
      [0.7, 4_000]
    ] as const) {
      for (let i = 0; i < rounds; i++) {
        const key = `k${Math.floor(next() * 6_000)}`
        if (next() < share) {
          keys.add(key)
          model.add(key)
        } else {
          keys.delete(key)
          model.delete(key)
        }
      }
      check()
    }
    for (const key of model) keys.delete(key)
    model.clear()
    check()
    for (let i = 10_000; i < 15_000; i++) {
      keys.add(`k${i}`) // in order, as a start does
      model.add(`k${i}`)
    }
    check()
  })
})

describe("Heads", () => {
  const many = (count: number) => {
    const heads = new Heads()
    for (let i = 0; i < count; i++)
      heads.set(head(`svc${i % 200}.k${i}`, { strict: i % 1_000 === 0, template: i % 500 === 0 }))
    return heads
  }
  /** How many keys a look-up looks at. */
  const looks = (look: () => unknown) => {
    const spy = vi.spyOn(String.prototype, "startsWith")
    try {
      look()
      return spy.mock.calls.length
    } finally {
      spy.mockRestore()
    }
  }

  for (const count of [2_000, 100_000]) {
    it(`HI1 among ${count} keys a look-up costs what it returns`, () => {
      const heads = many(count)
      const each = count / 200

      assert.isAtMost(
        looks(() => assert.strictEqual(heads.matching("production", "svc7.*").length, each)),
        each + 1
      )
      assert.strictEqual(
        looks(() => heads.matching("production", "svc7.k7")),
        0
      )
      assert.isAtMost(
        looks(() => heads.matching("production", "none.*")),
        1
      )
      assert.isAtMost(
        looks(() => heads.page("production", { after: "svc7", limit: 20 })),
        20
      )
      const strict = count / 1_000
      assert.isAtMost(
        looks(() => assert.strictEqual(heads.matching("production", "*", "strict").length, strict)),
        strict
      )
      assert.isAtMost(
        looks(() => heads.matching("production", "svc7.*", "strict")),
        1
      )
    })
  }

  it("HI1 patterns, pages and kinds find what a scan finds", () => {
    const heads = new Heads()
    const all = ["a", "a.b", "a.b.c", "a.bc", "a-b.c", "a/b", "ab.c", "b", "a.b.d", "a:b"].map((key, i) =>
      head(key, { strict: i % 2 === 0, template: i % 3 === 0 })
    )
    for (const one of all) heads.set(one)
    heads.set(head("a.b.c", { environment: "q" }))
    for (const pattern of ["*", "a", "a.*", "a.b.*", "b.*", "zz.*", "zz"]) {
      const expected = all.filter(({ key }) => matches(pattern, key)).sort((a, b) => (a.key < b.key ? -1 : 1))
      assert.deepStrictEqual(keysOf(heads.matching("production", pattern)), keysOf(expected))
      for (const kind of ["strict", "template"] as const)
        assert.deepStrictEqual(
          keysOf(heads.matching("production", pattern, kind)),
          keysOf(expected.filter((one) => one[kind]))
        )
    }
    assert.deepStrictEqual(keysOf(heads.page("production", { prefix: "a.b", limit: 2 })), ["a.b", "a.b.c"])
    assert.deepStrictEqual(keysOf(heads.page("production", { prefix: "a.b", after: "a.b.c", limit: 9 })), [
      "a.b.d",
      "a.bc"
    ])
    assert.deepStrictEqual(keysOf(heads.page("production", { prefix: "a.b", after: "a", limit: 1 })), ["a.b"])
    assert.deepStrictEqual(heads.page("production", { prefix: "a.b", after: "b", limit: 9 }), [])
    assert.deepStrictEqual(heads.page("none", { limit: 9 }), [])
  })

  it("HI1 a head that becomes strict or a template is found as such, and no more when it ceases to be", () => {
    const heads = new Heads()
    heads.set(head("a", { strict: true }))
    heads.set(head("a", { revision: 2n, template: true }))
    assert.deepStrictEqual(heads.matching("production", "*", "strict"), [])
    assert.deepStrictEqual(keysOf(heads.matching("production", "*", "template")), ["a"])
    assert.deepStrictEqual(heads.matching("production", "a", "strict"), [])
    heads.set(head("a", { revision: 1n, strict: true })) // late
    assert.deepStrictEqual(heads.matching("production", "*", "strict"), [])
    assert.strictEqual(heads.get("production", "a")?.revision, 2n)
    assert.strictEqual(heads.size, 1)
  })

  it("HI2 slices hold every key that stays exactly once, whatever comes and changes in between", () => {
    let heads = many(2_000)
    const before = keysOf(heads.matching("production", "*"))
    const seen: Array<string> = []
    let round = 0
    for (const slice of slices(() => heads, "production", "*")) {
      seen.push(...keysOf(slice))
      heads.set(head(`a.new${round}`)) // behind
      heads.set(head(`t.new${round}`)) // ahead
      heads.set(head(slice.at(-1)!.key, { revision: 9n }))
      if (++round === 3) {
        const replaced = new Heads() // a Reset
        for (const one of heads.matching("production", "*")) replaced.set(one)
        heads = replaced
      }
    }

    assert.isAbove(round, 6)
    assert.strictEqual(new Set(seen).size, seen.length)
    assert.includeMembers(seen, before)
    assert.deepStrictEqual([...slices(() => heads, "production", "svc1.k1")].map(keysOf), [["svc1.k1"]])
    assert.deepStrictEqual([...slices(() => heads, "production", "none.*")], [])
  })

  it("HI3 tombstones up to a revision are forgotten, in every order; what lives and what is newer stays", () => {
    const heads = many(100)
    const size = heads.size
    heads.set(head("old", { revision: 5n, deleted: true, strict: true, template: true }))
    heads.set(head("again", { revision: 4n, deleted: true }))
    heads.set(head("again", { revision: 6n }))
    heads.set(head("recent", { revision: 8n, deleted: true }))
    heads.set(head("twice", { revision: 3n, deleted: true }))
    heads.set(head("twice", { revision: 9n, deleted: true }))

    assert.strictEqual(heads.forget(7n), 1)
    assert.strictEqual(heads.size, size + 3)
    assert.isUndefined(heads.get("production", "old"))
    for (const only of [undefined, "strict", "template"] as const)
      assert.notInclude(keysOf(heads.matching("production", "*", only)), "old")
    assert.includeMembers(keysOf(heads.matching("production", "*")), ["again", "recent", "twice"])
    heads.set(head("old", { revision: 10n }))
    assert.strictEqual(heads.get("production", "old")?.revision, 10n)
    assert.strictEqual(heads.forget(20n), 2)
    assert.strictEqual(heads.forget(20n), 0)
  })
})

describe("count", () => {
  it("keys of an environment are counted without those that are deleted, forgotten or of another", () => {
    const heads = new Heads()
    const set = (key: string, revision: bigint, deleted: boolean, environment = "production") =>
      heads.set(head(key, { environment, revision, deleted }))
    set("a", 1n, false)
    set("b", 2n, true)
    set("c", 3n, false)
    set("a", 4n, true)
    set("a", 4n, false)
    set("b", 5n, false)
    set("x", 6n, false, "staging")
    assert.strictEqual(heads.count("production"), 2)
    heads.forget(9n)
    assert.deepStrictEqual(
      ["production", "staging", "dev"].map((one) => heads.count(one)),
      [2, 1, 0]
    )
  })
})
