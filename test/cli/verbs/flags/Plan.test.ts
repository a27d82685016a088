import { assert, describe, it } from "@effect/vitest"
import { type Change, planOf } from "../../../../src/cli/verbs/flags/Plan.ts"

const change = (flag: string, needs: ReadonlyArray<string> | null = []): Change => ({
  flag,
  environment: "production",
  value: needs === null ? null : { prerequisites: needs.map((flag) => ({ flag, variant: "on" })) }
})
const names = (releases: ReadonlyArray<ReadonlyArray<Change>>) => releases.map((its) => its.map(({ flag }) => flag))
const many = (count: number, prefix = "flag-") => Array.from({ length: count }, (_, n) => change(`${prefix}${n}`))
const was = (flags: Readonly<Record<string, ReadonlyArray<string>>>) =>
  new Map(Object.entries(flags).map(([flag, needs]) => [flag, change(flag, needs).value]))
const NOTHING = new Map<string, unknown>()

describe("planOf", () => {
  it("FI2 flags that need none go in any order, as many in a release as it holds", () => {
    const { inOrder, together } = planOf(many(1_201), NOTHING)
    assert.deepStrictEqual([inOrder, together.map((its) => its.length)], [[], [500, 500, 201]])
    assert.strictEqual(new Set(names(together).flat()).size, 1_201)
    const large = many(3).map((one) => ({ ...one, value: "x".repeat(1_600_000) }))
    assert.deepStrictEqual(names(planOf(large, NOTHING).together), [["flag-0"], ["flag-1"], ["flag-2"]])
    assert.deepStrictEqual(planOf([], NOTHING), { inOrder: [], together: [] })
  })

  it("FI2 flags that need each other are in one release, over any number of others, in the file or as they are", () => {
    const linked = [change("last", ["middle"]), ...many(998), change("middle", ["first"]), change("first")]
    const old = [change("a"), ...many(998), change("b", null)]
    for (const [changes, current, together] of [
      [linked, NOTHING, ["last", "middle", "first"]],
      [old, was({ a: ["b"] }), ["a", "b"]]
    ] as const) {
      const plan = planOf(changes, current)
      assert.deepStrictEqual(plan.inOrder, [])
      const [its, ...others] = names(plan.together).filter((one) => together.some((name) => one.includes(name)))
      assert.includeMembers(its!, [...together])
      assert.deepStrictEqual(others, [])
    }
  })

  it("FI2 where one release does not hold them, what is needed comes first, and is archived last", () => {
    const chain = Array.from({ length: 700 }, (_, n) => change(`chain-${n}`, n === 699 ? [] : [`chain-${n + 1}`]))
    const gone = Array.from({ length: 3 }, (_, n) => change(`gone-${n}`, null))
    const current = was({ "chain-0": ["gone-0"], "gone-0": ["gone-1"], "gone-1": ["gone-2"] })
    const { inOrder, together } = planOf([...gone, ...chain, ...many(10)], current)
    const order = names(inOrder).flat()

    assert.deepStrictEqual(names(together), [names([many(10)])[0]])
    assert.deepStrictEqual(order.slice(0, 700), names([chain])[0]!.reverse())
    assert.deepStrictEqual(order.slice(700), ["gone-0", "gone-1", "gone-2"])
  })

  it("FI2 what is no list of prerequisites, or goes in a circle, is left to the server", () => {
    const strange = [null, 7, { prerequisites: "x" }, { prerequisites: [null, 1, {}] }].map((value, n) => ({
      flag: `s${n}`,
      environment: "e",
      value
    }))
    const circle = Array.from({ length: 600 }, (_, n) => change(`c${n}`, [`c${(n + 1) % 600}`]))
    const { inOrder, together } = planOf([...strange, ...circle], NOTHING)
    assert.strictEqual(new Set(names(inOrder).flat()).size, 600)
    assert.deepStrictEqual(names(together), [["s0", "s1", "s2", "s3"]])
  })
})
