import { assert, describe, it } from "@effect/vitest"
import { FlagdCore } from "@openfeature/flagd-core"
import { exported } from "../../src/evaluation/Exported.ts"
import { definitionOf, flagsOf, toggle } from "../support/Definitions.ts"

const quiet = { error() {}, warn() {}, info() {}, debug() {} }

const coreOf = (given: Readonly<Record<string, unknown>>): FlagdCore => {
  const definitions = new Map(Object.entries(given).map(([key, one]) => [key, definitionOf(one)]))
  const members = [...definitions].map(
    ([key, one]) =>
      `${JSON.stringify(key)}:${exported(key, one, { ruleOf: () => undefined, definitionOf: (name) => definitions.get(name) })}`
  )
  const core = new FlagdCore(undefined, quiet)
  core.setConfigurations(`{"flags":{${members.join(",")}}}`)
  return core
}

describe("exported flags", () => {
  it("FX1 references, prerequisites and their buckets are answered by flagd-core as by this server", () => {
    const needs = (flag: string, variant: string) => ({ prerequisites: [{ flag, variant }] })
    const half = {
      fractional: [
        ["on", 50],
        ["off", 50]
      ]
    }
    const given = {
      staff: toggle(
        { if: [{ $ref: "staff" }, "on"] },
        { $evaluators: { staff: { ends_with: [{ var: "email" }, "@x.org"] } } }
      ),
      half: { enabled: true, percentage: 50 },
      dark: { enabled: false },
      all: { enabled: true },
      truths: {
        state: "ENABLED",
        variants: { true: 1, false: 0 },
        defaultVariant: "false",
        targeting: { "==": [{ var: "n" }, 1] }
      },
      numbers: { state: "ENABLED", variants: { "1": "a", "2": "b" }, defaultVariant: "1", targeting: { var: "n" } },
      keyed: toggle({ if: [{ "==": [{ var: "$flagd.flagKey" }, "keyed"] }, half] }),
      onStaff: toggle({ if: [true, "on"] }, needs("staff", "on")),
      offStaff: toggle({ if: [true, "on"] }, needs("staff", "off")),
      onHalf: toggle(half, needs("half", "on")),
      onDark: toggle(half, needs("dark", "on")),
      onAll: toggle(half, needs("all", "on")),
      onTrue: toggle({ if: [true, "on"] }, needs("truths", "true")),
      onFalse: toggle({ if: [true, "on"] }, needs("truths", "false")),
      onOne: toggle({ if: [true, "on"] }, needs("numbers", "1")),
      onTwo: toggle({ if: [true, "on"] }, needs("numbers", "2")),
      onKeyed: toggle({ if: [true, "on"] }, needs("keyed", "on")),
      chain: toggle(
        { if: [true, "on"] },
        {
          prerequisites: [
            { flag: "onHalf", variant: "on" },
            { flag: "onTwo", variant: "on" }
          ]
        }
      ),
      gone: toggle({ if: [true, "on"] }, needs("nobody", "on"))
    }
    const core = coreOf(given)
    const flags = flagsOf(given)
    const seen = new Set<string>()
    for (let n = 0; n < 60; n++) {
      const context = {
        ...(n % 10 === 0 ? {} : { targetingKey: `user-${n}` }),
        ...(n % 3 === 0 ? { email: `u${n}@x.org` } : {}),
        ...(n % 4 === 0 ? {} : { n: 1 + (n % 2) })
      }
      for (const [key, flag] of flags) {
        const { variant, errorCode } = flag.evaluate(context)
        const theirs =
          core.getFlag(key)!.state === "DISABLED"
            ? { variant: undefined }
            : core.getFlag(key)!.evaluate(context as never, quiet)
        assert.strictEqual(variant, theirs.variant, `${key} ${JSON.stringify(context)} ${errorCode}`)
        seen.add(`${key} ${variant}`)
      }
    }
    for (const one of [
      "onHalf on",
      "onHalf off",
      "chain on",
      "chain off",
      "onFalse on",
      "onFalse off",
      "onTwo on",
      "onKeyed on",
      "offStaff off"
    ]) {
      assert.isTrue(seen.has(one), one)
    }
  })

  it("FX2 what a chain of prerequisites makes too large is exported as disabled", () => {
    const given = Object.fromEntries(
      Array.from({ length: 20 }, (_, n) => [
        `f${n}`,
        n === 0
          ? toggle({ if: [{ var: "x" }, "on"] })
          : toggle(
              { if: [true, "on"] },
              { prerequisites: Array.from({ length: 16 }, () => ({ flag: `f${n - 1}`, variant: "on" })) }
            )
      ])
    )
    const definitions = new Map(Object.entries(given).map(([key, one]) => [key, definitionOf(one)]))
    const text = exported("f19", definitions.get("f19")!, {
      ruleOf: () => undefined,
      definitionOf: (name) => definitions.get(name)
    })
    assert.strictEqual(JSON.parse(text).state, "DISABLED")
  })

  it("FX2 a rule that names a long text again and again is exported as disabled, and not written out first", () => {
    const long = { "==": [{ var: "b" }, "x".repeat(100_000)] }
    const often = Array.from({ length: 900 }, () => ({ $ref: "long" }))
    const text = exported("x", definitionOf(toggle({ if: [{ or: often }, "on"] }, { $evaluators: { long } })), {
      ruleOf: () => undefined,
      definitionOf: () => undefined
    })
    assert.strictEqual(JSON.parse(text).state, "DISABLED")
    assert.isBelow(text.length, 1_000)
  })

  it("FX1, FX2 with bucketing v3 the buckets of another flag can't be told: the flag says why, and nobody gets another variant", () => {
    const base = definitionOf(
      toggle({
        fractional: [
          ["on", 50],
          ["off", 50]
        ]
      })
    )
    const by = definitionOf(toggle({ fractional: [{ var: "org.key" }, ["on", 50], ["off", 50]] }))
    const needs = (flag: string) =>
      definitionOf(toggle({ if: [true, "on"] }, { prerequisites: [{ flag, variant: "on" }] }))
    const written = (flag: string, bucketing: "v2" | "v3") =>
      JSON.parse(
        exported("next", needs(flag), {
          ruleOf: () => undefined,
          definitionOf: (name) => (name === "base" ? base : by),
          bucketing
        })
      )
    assert.deepInclude(written("base", "v3"), { state: "DISABLED" })
    assert.include(written("base", "v3").metadata.notCompiled, "the buckets of base")
    assert.strictEqual(written("by", "v3").state, "ENABLED")
    assert.strictEqual(written("base", "v2").state, "ENABLED")
  })
})
