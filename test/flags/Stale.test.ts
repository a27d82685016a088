import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { readDefinition } from "../../src/evaluation/ReadDefinition.ts"
import { type Known, type StaleOptions, stalenessOf } from "../../src/flags/Stale.ts"

const DAY = 86_400_000
const now = Date.UTC(2026, 10, 26, 12)
const ago = (days: number) => now - days * DAY
const asked = (days: number): Known["last"] => ({
  ...{ flag: "a", givenAt: undefined },
  asked: { at: ago(days), door: "ofrep", sdk: "node" }
})
const given = (days: number): Known["all"] => ({ flag: "", asked: undefined, givenAt: ago(days) })
const rule = {
  state: "ENABLED",
  variants: { on: true, off: false },
  defaultVariant: "off",
  targeting: { if: [{ "==": [{ var: "plan" }, "pro"] }, "on"] }
}
const stale = (definition: object, more: Partial<Known> = {}, options: Partial<StaleOptions> = {}) =>
  stalenessOf(
    {
      ...{ key: "a", createdAt: ago(100), updatedAt: ago(100), last: undefined, all: undefined },
      neededBy: new Set<string>(),
      definition: Result.getOrThrow(readDefinition(JSON.stringify(definition))),
      ...more
    },
    { days: 30, now, since: ago(200), ...options }
  )
const reasons = (...args: Parameters<typeof stale>) =>
  stale(...args).map(({ reason, certain }) => (certain ? reason : `perhaps ${reason}`))

describe("stale flags", () => {
  it("UF1 a flag is unused when nobody asked for so many days, and it and the counting are older than that", () => {
    assert.deepStrictEqual(reasons(rule), ["unused"])
    assert.deepStrictEqual(reasons(rule, { last: asked(31) }), ["unused"])
    assert.deepStrictEqual(reasons(rule, { last: asked(29) }), [])
    assert.deepStrictEqual(reasons(rule, { createdAt: ago(29) }), [])
    assert.deepStrictEqual(reasons(rule, {}, { since: ago(29) }), [])
    assert.deepStrictEqual(reasons(rule, { last: asked(8) }, { days: 7 }), ["unused"])
    assert.match(stale(rule)[0]!.problem, /^nobody evaluated it since 2026-08-18$/)
    assert.match(stale(rule, { last: asked(31) })[0]!.problem, /last on 2026-10-26$/)
  })

  it("UF1 where clients take all flags at once, nobody knows", () => {
    assert.deepStrictEqual(reasons(rule, { all: given(1) }), ["perhaps unused"])
    assert.deepStrictEqual(reasons(rule, { last: { ...asked(40)!, givenAt: ago(2) } }), ["perhaps unused"])
    assert.deepStrictEqual(reasons(rule, { all: given(31) }), ["unused"])
    assert.match(stale(rule, { all: given(1) })[0]!.problem, /were here on 2026-11-25/)
  })

  it("UF2 a flag that others need is used with them, and says so where it is the same for everyone", () => {
    const neededBy = new Set(["b", "c", "d", "e"])
    assert.deepStrictEqual(reasons(rule, { neededBy }), [])
    assert.match(stale({ enabled: true }, { neededBy })[0]!.fix, /b, c, d, … need it/)
  })

  it("UF2 a flag that decides nothing for so many days is the same for everyone, a switch for emergencies aside", () => {
    const last = asked(1)
    const same = ["same for everyone"]
    assert.deepStrictEqual(reasons({ enabled: true }, { last }), same)
    assert.deepStrictEqual(reasons({ enabled: true, percentage: 0 }, { last }), same)
    assert.deepStrictEqual(reasons({ enabled: false, percentage: 50 }, { last }), same)
    assert.deepStrictEqual(reasons({ ...rule, targeting: {}, defaultVariant: null }, { last }), same)
    assert.deepStrictEqual(reasons({ enabled: true, percentage: 50 }, { last }), [])
    assert.deepStrictEqual(reasons({ enabled: true, percentage: 0, targetUsers: ["ann"] }, { last }), [])
    assert.deepStrictEqual(reasons({ enabled: true, prerequisites: [{ flag: "b", variant: "on" }] }, { last }), [])
    assert.deepStrictEqual(reasons({ enabled: true }, { last, updatedAt: ago(29) }), [])
    for (const purpose of ["kill-switch", "permission"])
      assert.deepStrictEqual(reasons({ enabled: true, purpose }, { last }), [])
    assert.deepStrictEqual(reasons({ enabled: true, purpose: "release" }, { last }), same)
  })

  it("UF1 a flag is past its end the day after, and all reasons are told", () => {
    const ending = (expectedEnd: string) => reasons({ ...rule, expectedEnd }, { last: asked(1) })
    assert.deepStrictEqual(ending("2026-11-25"), ["past its end"])
    assert.deepStrictEqual(ending("2026-11-26"), [])
    assert.deepStrictEqual(reasons({ enabled: true, expectedEnd: "2026-01-01" }), [
      "unused",
      "same for everyone",
      "past its end"
    ])
  })
})
