/** Flags that need other flags. */
import { assert, describe, it } from "@effect/vitest"
import { NotLoaded } from "../../src/evaluation/Engine.ts"
import { Flag } from "../../src/evaluation/Evaluator.ts"
import { MEMBER } from "../../src/evaluation/Operators.ts"
import { definitionOf, flagsOf, how, toggle } from "../support/Definitions.ts"

describe("prerequisites", () => {
  it("FE8 a flag whose prerequisites don't hold serves its default, and says which", () => {
    const onBase = (more: object = {}) => ({ enabled: true, prerequisites: [{ flag: "base", variant: "on" }], ...more })
    const flags = flagsOf({
      base: toggle({ if: [{ var: "beta" }, "on"] }),
      next: onBase(),
      half: onBase({ percentage: 50 }),
      lost: { ...onBase(), prerequisites: [{ flag: "gone", variant: "on" }] }
    })
    const of = (name: string, context: Record<string, unknown>) => {
      const { variant, reason, metadata } = flags.get(name)!.evaluate(context)
      return { variant, reason, failed: metadata["prerequisiteFailed"] }
    }
    assert.deepStrictEqual(of("next", { beta: true }), { variant: "on", reason: "TARGETING_MATCH", failed: undefined })
    assert.deepStrictEqual(of("next", {}), { variant: "off", reason: "DEFAULT", failed: "base" })
    assert.deepStrictEqual(of("half", { targetingKey: "a" }), { variant: "off", reason: "DEFAULT", failed: "base" })
    assert.deepStrictEqual(of("lost", {}), { variant: "off", reason: "DEFAULT", failed: "gone" })
  })

  it("FE8 a circle of prerequisites, and more of them than anyone needs, end as an error", () => {
    const flags = flagsOf({
      a: { enabled: true, prerequisites: [{ flag: "b", variant: "on" }] },
      b: { enabled: true, prerequisites: [{ flag: "a", variant: "on" }] },
      ...Object.fromEntries(
        Array.from({ length: 68 }, (_, n) => [
          `n${n}`,
          n === 0
            ? { enabled: true, percentage: 100 }
            : { enabled: true, prerequisites: Array.from({ length: 16 }, () => ({ flag: `n${n - 1}`, variant: "on" })) }
        ])
      )
    })
    const of = (name: string) => {
      const { variant, errorCode } = flags.get(name)!.evaluate({ targetingKey: "ann" })
      return variant ?? errorCode
    }
    assert.deepStrictEqual(["a", "n65", "n66", "n67"].map(of), ["GENERAL", "on", "GENERAL", "GENERAL"])
  })

  it("FE8 a flag that several of its prerequisites need is asked once, so what a publish takes can be evaluated", () => {
    const on = (...needs: ReadonlyArray<string>) => ({
      enabled: true,
      prerequisites: needs.map((flag) => ({ flag, variant: "on" }))
    })
    const level = (name: string) => [0, 1, 2, 3].map((n) => `${name}${n}`)
    const layered = (name: string, below: ReadonlyArray<string>) =>
      Object.fromEntries(level(name).map((one) => [one, on(...below)]))
    const vip = toggle({ if: [{ var: "vip" }, "on", "off"] })
    const flags = flagsOf({
      top: on(...level("a")),
      ...layered("a", level("b")),
      ...layered("b", level("c")),
      ...Object.fromEntries(level("c").map((one) => [one, vip]))
    })
    const of = (name: string, context: object) => {
      const { variant, reason, metadata } = flags.get(name)!.evaluate({ ...context })
      return [variant, reason, metadata["prerequisiteFailed"]]
    }
    assert.deepStrictEqual(of("top", { vip: true }), ["on", "TARGETING_MATCH", undefined])
    assert.deepStrictEqual(of("top", {}), ["off", "DEFAULT", "a0"])
    assert.deepStrictEqual(of("top", { vip: true }), ["on", "TARGETING_MATCH", undefined])
  })

  it("FE8, FE11, FE12 where it can't be told whether a prerequisite holds, the answer is an error, however far below", () => {
    const isIn = () => {
      throw new NotLoaded()
    }
    const on = (flag: string) => ({ enabled: true, prerequisites: [{ flag, variant: "on" }] })
    const costly = { if: [{ some: [{ var: "l" }, { in: [{ var: "" }, ["x", "y"]] }] }, "off", "on"] }
    const listed = { [MEMBER]: [isIn as never, { var: "targetingKey" }, "beta"] }
    const flags = new Map<string, Flag>()
    const its = how({ flagOf: (name) => flags.get(name), ruleOf: () => listed })
    const given = { a: toggle({ if: [{ $ref: "beta" }, "on", "off"] }), b: on("a"), c: on("b") }
    for (const [key, one] of Object.entries({ ...given, n: toggle(costly), o: on("n"), p: on("o") }))
      flags.set(key, new Flag(key, definitionOf(one, new Set(["beta"])), its))
    const of = (name: string, context = {}) => {
      const { variant, errorCode, errorDetails } = flags.get(name)!.evaluate({ targetingKey: "ann", ...context })
      return variant ?? [errorCode, errorDetails]
    }
    for (const name of ["a", "b", "c"])
      assert.deepStrictEqual(of(name), ["GENERAL", 'a list of ids that "a" asks for is not loaded yet'])
    assert.strictEqual(of("p", { l: ["z"] }), "on")
    const much = { l: Array.from({ length: 2_000_000 }, () => "z") }
    for (const name of ["n", "o", "p"])
      assert.deepStrictEqual(of(name, much), ["GENERAL", 'the rule of "n" takes too much work with this context'])
  })
})
