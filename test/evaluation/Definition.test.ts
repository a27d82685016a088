import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { told } from "../../src/evaluation/Definition.ts"
import { differences } from "../../src/evaluation/OtherEngines.ts"
import { readDefinition } from "../../src/evaluation/ReadDefinition.ts"
import { resolved } from "../../src/evaluation/References.ts"
import { definitionOf, flagsOf, problemsOf, toggle } from "../support/Definitions.ts"

const refusals = (given: unknown, known?: ReadonlySet<string>) => problemsOf(given, known).map(told)

describe("Definition", () => {
  it("FG1 flagd's form is read, with none for a default that is null, empty or not there", () => {
    const found = definitionOf({
      state: "DISABLED",
      variants: { a: { x: 1 } },
      defaultVariant: null,
      metadata: { team: "a" },
      targeting: {}
    })

    assert.deepInclude(found, { enabled: false, type: "object", defaultVariant: undefined, targeting: undefined })
    assert.isUndefined(definitionOf({ state: "ENABLED", variants: { a: "x" }, defaultVariant: "" }).defaultVariant)
    assert.isUndefined(definitionOf({ state: "ENABLED", variants: { a: "x" } }).defaultVariant)
  })

  it("FG2 every broken rule is said with its place, and what may be meant", () => {
    assert.deepStrictEqual(
      refusals({
        state: "ON",
        variants: { on: true, off: "no", list: [1] },
        defaultVariant: "onn",
        targetting: {},
        metadata: { a: null },
        prerequisites: [{ flag: "a b", variant: "x" }]
      }),
      [
        "/targetting is not known; is targeting meant?",
        '/state is "ON" and has to be ENABLED or DISABLED',
        "/variants/off is of type string, and the variants before it are of type boolean",
        "/variants/list is a list: a variant is a boolean, a text, a number or an object",
        '/defaultVariant is "onn", which is no variant; is on meant?',
        "/metadata/a has to be a text, a number or a boolean",
        '/prerequisites/0/flag is "a b", which no flag is called'
      ]
    )
  })

  it("FG2 what is wrong in a rule is said with its place", () => {
    const rule = (targeting: unknown) => refusals(toggle(targeting))
    assert.deepStrictEqual(rule({ iff: [true, "on"] }), ["/targeting/iff is no operator; is if meant?"])
    assert.deepStrictEqual(rule({ if: [{ "==": [1] }, "on"] }), [
      "/targeting/if/0/== takes 2 to 1000 arguments, and has 1"
    ])
    assert.deepStrictEqual(rule({ if: true }), ["/targeting/if takes a list of arguments"])
    assert.deepStrictEqual(rule({ if: [{}, "on"] }), ["/targeting/if/0 is an empty object, which is no rule"])
    assert.deepStrictEqual(rule({ if: [true, "on"], and: [] }), ["/targeting has 2 operators; it has one"])
    assert.deepStrictEqual(rule({ fractional: [["on", 1.5]] }), [
      "/targeting/fractional/0 has no whole number as its weight"
    ])
    assert.deepStrictEqual(
      rule({
        fractional: [
          ["on", 2_000_000_000],
          ["off", 2_000_000_000]
        ]
      }),
      ["/targeting/fractional/1 brings the sum of weights to 4000000000; 2147483647 is the most"]
    )
    assert.deepStrictEqual(rule([]), ['/targeting is "[]" and has to be an object: an operator and what it is given'])
  })

  it("FR1 operators of one language alone, and names that JavaScript gives to all objects, are no operators", () => {
    for (const name of [
      "try",
      "val",
      "??",
      "eachKey",
      "pipe",
      "get",
      "constructor",
      "toString",
      "log",
      "$seconds",
      "$call"
    ]) {
      assert.match(refusals(toggle({ if: [{ [name]: ["a", "b"] }, "on"] }))[0]!, /is no operator|is not allowed/, name)
    }
    assert.match(refusals('{"state":"ENABLED","variants":{"a":1},"targeting":{"__proto__":["a"]}}')[0]!, /__proto__/)
  })

  it("FR2 no rule reads what touches prototypes", () => {
    for (const name of ["constructor.name", "a.__proto__.b", "prototype"]) {
      assert.match(refusals(toggle({ if: [{ var: name }, "on"] }))[0]!, /is not allowed/, name)
      assert.match(refusals(toggle({ if: [{ missing: [name] }, "on"] }))[0]!, /is not allowed/, name)
    }
  })

  it("FR3 every variant that a rule can name has to be there", () => {
    const rule = (targeting: unknown) => refusals(toggle(targeting))
    assert.deepStrictEqual(rule({ if: [true, "onn", "off"] }), [
      '/targeting/if/1 is "onn", which is no variant; is on meant?'
    ])
    assert.deepStrictEqual(rule({ if: [true, { if: [true, "on", "blue"] }] }), [
      '/targeting/if/1/if/2 is "blue", which is no variant'
    ])
    assert.deepStrictEqual(
      rule({
        fractional: [
          ["on", 1],
          [{ if: [true, "red"] }, 1]
        ]
      }),
      ['/targeting/fractional/1/0/if/1 is "red", which is no variant']
    )
    assert.deepStrictEqual(rule({ in: ["a", ["a"]] }), [
      "/targeting/in gives true or false, and there is no variant called true",
      "/targeting/in gives true or false, and there is no variant called false"
    ])
    assert.deepStrictEqual(rule({ if: [{ "==": ["blue", { var: "a" }] }, "on", null] }), [])
  })

  it("FR4, FR5 references name what is there, here or in the environment, and go in no circle", () => {
    const staff = { ends_with: [{ var: "email" }, "@example.com"] }
    assert.deepStrictEqual(refusals(toggle({ if: [{ $ref: "staf" }, "on"] }), new Set(["staff"])), [
      '/targeting/if/0/$ref is "staf", and no rule is called so; is staff meant?'
    ])
    assert.deepStrictEqual(refusals(toggle({ if: [{ $ref: "staff" }, "on"] }, { $evaluators: { staff } })), [])
    const rules = new Map<string, never>(
      Object.entries({ a: { "!": [{ $ref: "b" }] }, b: { "!": [{ $ref: "a" }] } }) as never
    )
    assert.deepStrictEqual(
      resolved({ $ref: "a" }, (name) => rules.get(name)),
      { problem: "goes in a circle: a → b → a" }
    )
  })

  it("FR6 names that double a rule again and again end at a bound", () => {
    const ruleOf = (name: string) => {
      const next = { $ref: String(Number(name) - 1) }
      return name === "0" ? true : ({ and: [next, next] } as never)
    }
    const { problem } = resolved({ $ref: "60" }, ruleOf)
    assert.match(problem ?? "", /more than/)
  })

  it("FG3 a text that is too large, too deep, or has a name twice is refused before it is looked into", () => {
    const deep = (levels: number) =>
      `{"state":"ENABLED","variants":{"a":1},"targeting":${'{"!":['.repeat(levels)}1${"]}".repeat(levels)}}`
    assert.match(refusals(deep(10_000))[0]!, /nested more than 64 levels/)
    assert.match(refusals(deep(200_000))[0]!, /nested more than 64 levels|larger/)
    assert.match(
      refusals(`{"state":"ENABLED","variants":{"a":"${"x".repeat(1_048_576)}"}}`)[0]!,
      /larger than 1048576 bytes/
    )
    assert.match(refusals('{"state":"ENABLED","variants":{"a":1,"a":2}}')[0]!, /twice/)
    assert.match(
      refusals('{"state":"ENABLED","variants":{"a":9007199254740993}}')[0]!,
      /\/variants\/a is 9007199254740993/
    )
    assert.match(
      refusals(toggle({ or: Array.from({ length: 1_001 }, () => ({ var: "a" })) }))[0]!,
      /takes 1 to 1000 arguments/
    )
    assert.strictEqual(
      problemsOf({
        state: "ENABLED",
        variants: Object.fromEntries(Array.from({ length: 90 }, (_, n) => [`v${n}`, [n]]))
      }).length,
      20
    )
  })

  it("FG3 a rule with 90,000 ids in a list is taken, read and asked at the cost of one look", () => {
    const ids = Array.from({ length: 90_000 }, (_, n) => `u${n}`)
    const flag = flagsOf({ a: toggle({ if: [{ in: [{ var: "targetingKey" }, ids] }, "on", "off"] }) }).get("a")!
    assert.strictEqual(flag.evaluate({ targetingKey: "u89999" }).variant, "on")
    assert.strictEqual(flag.evaluate({ targetingKey: "u90000" }).variant, "off")
  })

  it("FG4 the simple form is on for those named and for a percentage, and who is on stays on when it grows", () => {
    const on = (percentage: number, user: string) =>
      flagsOf({ a: { enabled: true, percentage, targetUsers: ["ann"] } })
        .get("a")!
        .evaluate({ targetingKey: user }).value
    for (const user of ["bob", "eve", "kim", "joe", "max", "pat"]) {
      let before = false
      for (const percentage of [0, 0.125, 12.5, 25, 50, 99.999, 100]) {
        const now = on(percentage, user) === true
        assert.isTrue(now || !before)
        before = now
      }
      assert.isTrue(before)
      assert.isFalse(on(0, user))
    }
    assert.isTrue(on(0, "ann"))
    const share = Array.from({ length: 10_000 }, (_, n) => on(12.5, `u${n}`)).filter((one) => one === true).length / 100
    assert.closeTo(share, 12.5, 1)
    assert.deepInclude(definitionOf({ enabled: false }), { enabled: false, targeting: undefined })
    assert.deepStrictEqual(refusals({ percentage: 101, targetUsers: [1], variants: {} }), [
      "/variants is not known; it is of flagd's form, which enabled, percentage and targetUsers are not",
      "/percentage has to be a number from 0 to 100, with at most three digits behind the point",
      "/targetUsers has to be a list of texts: targeting keys"
    ])
  })

  it("FR7 what Go's and JavaScript's engines read differently is said, and stops nothing", () => {
    const warned = (targeting: unknown) => {
      assert.isTrue(Result.isSuccess(readDefinition(JSON.stringify(toggle(targeting)))), JSON.stringify(targeting))
      return differences(targeting as never).map(({ at }) => at)
    }
    assert.deepStrictEqual(warned({ if: [{ "==": [{ var: "a" }, null] }, "on"] }), ["/targeting/if/0/=="])
    assert.deepStrictEqual(warned({ if: [{ var: "a.length" }, "on"] }), ["/targeting/if/0/var"])
    assert.deepStrictEqual(warned({ if: [{ some: [{ var: "groups" }, { starts_with: [{ var: "" }, "x"] }] }, "on"] }), [
      "/targeting/if/0/some/1/starts_with"
    ])
    assert.deepStrictEqual(warned({ if: [{ sem_ver: [{ var: "v" }, "==", "1.2.3.4"] }, "on"] }), [
      "/targeting/if/0/sem_ver/1",
      "/targeting/if/0/sem_ver/2"
    ])
    assert.deepStrictEqual(warned({ fractional: [{ var: "email" }, ["on", 1]] }), ["/targeting/fractional/0"])
    assert.deepStrictEqual(warned({ if: [{ in: ["x", { or: [{ var: "a" }, { var: "b" }] }] }, "on"] }), [
      "/targeting/if/0/in/1"
    ])
    assert.deepStrictEqual(warned({ if: [{ ">": [{ var: "age" }, "old"] }, "on"] }), ["/targeting/if/0/>/1"])
    assert.deepStrictEqual(
      warned({
        if: [
          { "==": [{ var: "a" }, "x"] },
          "on",
          {
            fractional: [
              ["on", 1],
              ["off", 1]
            ]
          }
        ]
      }),
      []
    )
  })
})
