/** Contexts of several kinds, and what of a context is private. */
import { assert, describe, it } from "@effect/vitest"
import { FlagdCore } from "@openfeature/flagd-core"
import { Result } from "effect"
import { exported } from "../../src/evaluation/Exported.ts"
import { tell } from "../../src/evaluation/Steps.ts"
import { readSegment } from "../../src/flags/Segment.ts"
import { definitionOf, flagsOf, flagWith, how, problemsOf } from "../support/Definitions.ts"

const orgs = Array.from({ length: 400 }, (_, n) => `org-${n}`)
const person = (n: number, org?: string) => ({
  targetingKey: `user-${n}`,
  ...(org === undefined ? {} : { org: { key: org } })
})

describe("contexts of several kinds", () => {
  it("FG4, FX1 a flag by another attribute is on for the whole of it, for its share of them, and in flagd's engine, too", () => {
    for (const bucketing of ["v2", "v3"] as const) {
      const at = (percentage: number) =>
        flagsOf({ shop: { percentage, targetUsers: ["org-7"], by: "org.key" } }, { bucketing }).get("shop")!
      const on = (percentage: number, n: number, org?: string) => at(percentage).evaluate(person(n, org)).value === true
      const [some, more] = [10, 40].map((percentage) => {
        const flag = at(percentage)
        return orgs.filter((org, n) => flag.evaluate(person(n, org)).value === true)
      }) as [Array<string>, Array<string>]
      assert.isTrue(some.length > 15 && some.length < 70, `${some.length}`)
      assert.isTrue(more.length > 120 && more.length < 200, `${more.length}`)
      for (const org of some) assert.include(more, org)
      for (let n = 0; n < 20; n++) assert.strictEqual(on(40, n, "org-3"), more.includes("org-3"))
      assert.isTrue(on(0, 1, "org-7"))
      assert.isFalse(on(40, 1))
    }
    const flag = flagsOf({ shop: { percentage: 30, by: "org.key" } }).get("shop")!
    const quiet = { error() {}, warn() {}, info() {}, debug() {} }
    const core = new FlagdCore(undefined, quiet)
    const none = { ruleOf: () => undefined, definitionOf: () => undefined }
    core.setConfigurations(`{"flags":{"shop":${exported("shop", flag.definition, none)}}}`)
    for (const [n, org] of [...orgs, undefined].entries())
      assert.strictEqual(
        core.resolveBooleanEvaluation("shop", false, person(n, org) as never).value,
        flag.evaluate(person(n, org)).value,
        org
      )
  })

  it("GM1, FG1 a segment and a flag by an attribute take a name of one, and no other", () => {
    const read = readSegment(JSON.stringify({ targetUsers: ["acme"], by: "org.key" }))
    assert.deepStrictEqual(Result.getOrUndefined(read)?.rule, {
      in: [{ var: "org.key" }, ["acme"]]
    })
    for (const by of ["", 1, "a..b", ".a", "$flagd.flagKey", "x".repeat(101), "a.__proto__.b"]) {
      assert.isTrue(Result.isFailure(readSegment(JSON.stringify({ targetUsers: ["acme"], by }))), String(by))
      assert.strictEqual(problemsOf({ percentage: 5, by })[0]?.at, "/by", String(by))
    }
    assert.isTrue(definitionOf({ percentage: 5, by: "org.key" }).enabled)
  })
})

describe("private attributes", () => {
  it("FE13 what a context calls private is in no step of a decision, whatever the rule makes of it", () => {
    const rule = {
      if: [
        { and: [{ ends_with: [{ var: "email" }, "@x.org"] }, { "==": [{ cat: ["a", { var: "email" }] }, "b"] }] },
        "on",
        { in: [{ var: "user.name" }, ["zoe"]] },
        "on",
        { var: "email" },
        { fractional: [{ cat: ["seed", { var: "email" }] }, ["on", 1], ["off", 1]] },
        "off"
      ]
    }
    const context = { targetingKey: "s3cret-key", email: "s3cret@x.org", user: { name: "s3cret-name" }, plan: "free" }
    const told = (privateAttributes: ReadonlyArray<string>, targeting: unknown = rule) =>
      JSON.stringify(tell(flagWith(targeting), { ...context, _meta: { privateAttributes } }, how()).steps)
    const hidden = told(["email", "user"])
    assert.notInclude(hidden, "s3cret")
    assert.notInclude(hidden, "hash")
    assert.include(hidden, "(private)")
    assert.include(hidden, "bucket ")
    assert.include(told(["user.name"]), "s3cret@x.org")
    assert.include(told([]), "s3cret-name")
    const halves = {
      fractional: [
        ["on", 1],
        ["off", 1]
      ]
    }
    assert.include(told([], halves), "s3cret-key")
    assert.notInclude(told(["targetingKey"], halves), "s3cret")
    assert.notInclude(told(["email"], { if: [{ "==": [{ var: [{ cat: ["em", "ail"] }] }, "x"] }, "on"] }), "s3cret")
    assert.notInclude(told(["email"], { if: [{ var: "" }, "on"] }), "s3cret")
  })
})
