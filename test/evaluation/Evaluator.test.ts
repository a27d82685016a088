import { assert, describe, it } from "@effect/vitest"
import { FLOOR, STEPS } from "../../src/evaluation/Engine.ts"
import { Flag } from "../../src/evaluation/Evaluator.ts"
import { definitionOf, flagsOf, flagWith, how, NOON, toggle } from "../support/Definitions.ts"

describe("Flag", () => {
  it("FE6 reasons and codes are flagd's", () => {
    const on = { if: [{ "==": [{ var: "plan" }, "pro"] }, "on"] }
    const reason = (flag: unknown, context = {}) => {
      const { reason, variant, value, errorCode } = flagsOf({ a: flag }).get("a")!.evaluate(context)
      return [reason, variant, value, errorCode]
    }
    assert.deepStrictEqual(reason(toggle()), ["STATIC", "off", false, undefined])
    assert.deepStrictEqual(reason(toggle({})), ["STATIC", "off", false, undefined])
    assert.deepStrictEqual(reason(toggle(on), { plan: "pro" }), ["TARGETING_MATCH", "on", true, undefined])
    assert.deepStrictEqual(reason(toggle(on)), ["DEFAULT", "off", false, undefined])
    assert.deepStrictEqual(reason(toggle(on, { defaultVariant: null })), ["DEFAULT", undefined, undefined, undefined])
    assert.deepStrictEqual(reason(toggle(undefined, { defaultVariant: null })), [
      "DEFAULT",
      undefined,
      undefined,
      undefined
    ])
    assert.deepStrictEqual(reason(toggle(on, { state: "DISABLED" }), { plan: "pro" }), [
      "DISABLED",
      undefined,
      undefined,
      undefined
    ])
    assert.deepStrictEqual(reason(toggle({ if: [true, "off"] })), ["TARGETING_MATCH", "off", false, undefined])
    assert.deepStrictEqual(reason(toggle({ var: "v" }), { v: "blue" }), ["ERROR", undefined, undefined, "GENERAL"])
    assert.deepStrictEqual(reason(toggle({ var: "v" }), { v: ["on"] }), ["ERROR", undefined, undefined, "GENERAL"])
    assert.deepStrictEqual(reason(toggle({ if: [{ ">": [{ var: "n" }, 1] }, "on"] }), { n: "x" }), [
      "ERROR",
      undefined,
      undefined,
      "GENERAL"
    ])
  })

  it("FE5 a rule that names what is gone by now is an answer, too", () => {
    const definition = definitionOf(toggle({ if: [{ $ref: "gone" }, "on"] }), new Set(["gone"]))
    const { errorCode, errorDetails } = new Flag("a", definition, how()).evaluate({})
    assert.deepStrictEqual(
      [errorCode, errorDetails],
      ["PARSE_ERROR", 'the rule of "a" names the rule "gone", which is not there']
    )
  })

  it("FE4 who is evaluated can't forge $flagd, by whatever name it is read", () => {
    const forged = { $flagd: { flagKey: "forged", timestamp: 1 }, name: "$flagd.flagKey" }
    const key = (read: unknown) => flagWith({ if: [{ "===": [read, "toggle"] }, "on", "off"] }).evaluate(forged).variant
    assert.strictEqual(key({ var: "$flagd.flagKey" }), "on")
    assert.strictEqual(key({ var: { cat: ["$flagd", ".flagKey"] } }), "on")
    assert.strictEqual(key({ var: { var: "name" } }), "on")
    assert.strictEqual(
      flagWith({ if: [{ "===": [{ var: "$flagd.timestamp" }, NOON / 1_000] }, "on", "off"] }).evaluate(forged).variant,
      "on"
    )
    assert.strictEqual(flagWith({ if: [{ missing: ["$flagd.flagKey"] }, "on", "off"] }).evaluate({}).variant, "off")
  })

  it("FR2 a context with __proto__ or constructor in it changes nothing but itself", () => {
    const context = JSON.parse('{"__proto__":{"admin":true},"constructor":{"prototype":{"x":1}},"targetingKey":"a"}')
    for (const rule of [{ var: "admin" }, { var: { cat: ["ad", "min"] } }, { var: "user.admin" }]) {
      assert.strictEqual(flagWith({ if: [rule, "on", "off"] }).evaluate(context).variant, "off", JSON.stringify(rule))
    }
    const reached = flagWith({ if: [{ var: { cat: [{ var: "name" }, ".admin"] } }, "on", "off"] }).evaluate({
      ...context,
      name: "__proto__"
    })
    assert.strictEqual(reached.errorCode, "GENERAL")
    assert.isUndefined(({} as { admin?: unknown }).admin)
  })

  it("FE1 whatever a rule makes of a context ends after a bounded amount of work", () => {
    const many = Array.from({ length: 3_000 }, (_, n) => n)
    const long = "a".repeat(1_000_000)
    const hostile: ReadonlyArray<readonly [rule: unknown, context: Record<string, unknown>]> = [
      [
        { some: [{ var: "l" }, { some: [{ merge: [[1], { map: [[1, 2, 3], 4] }] }, false] }] },
        { l: many.flatMap(() => many.slice(0, 300)) }
      ],
      [{ reduce: [{ var: "l" }, { cat: [{ var: "accumulator" }, { var: "accumulator" }] }, "xx"] }, { l: many }],
      [{ reduce: [many.slice(0, 200), { cat: [{ var: "accumulator" }, { var: "accumulator" }] }, "xx"] }, {}],
      [
        { some: [{ var: "l" }, { in: [`b${"a".repeat(500)}`, { cat: [{ var: "" }, "x"] }] }] },
        { l: many.map(() => "a".repeat(3_000)) }
      ],
      [{ in: [{ var: "needle" }, { var: "l" }] }, { needle: `b${long.slice(0, 400_000)}`, l: long }],
      [{ or: Array.from({ length: 900 }, (_, n) => ({ in: [`${n}b`, { var: "l" }] })) }, { l: long }],
      // What is put together, and what is made a text of, by rules small and large.
      [{ in: [1, { merge: Array.from({ length: 400 }, () => ({ var: "l" })) }] }, { l: many }],
      [{ in: [1, { merge: Array.from({ length: 900 }, () => ({ var: "l" })) }] }, { l: many }],
      [{ "==": ["x", { cat: Array.from({ length: 400 }, () => ({ var: "l" })) }] }, { l: many }],
      [
        { fractional: [{ cat: Array.from({ length: 100 }, () => ({ var: "l" })) }, ["on", 1], ["off", 1]] },
        { l: long.slice(0, 60_000) }
      ],
      [
        {
          or: Array.from({ length: 300 }, (_, n) => ({
            "==": [{ fractional: [{ cat: [`${n}`, { var: "l" }] }, [`a${n}`, 1], ["b", 1]] }, "c"]
          }))
        },
        { l: long.slice(0, 60_000) }
      ],
      [
        { or: Array.from({ length: 900 }, () => ({ "==": [{ var: "l" }, { var: "m" }] })) },
        { l: many.concat(many), m: `${many}` }
      ]
    ]
    for (const [rule, context] of hostile) {
      const flag = flagWith({ if: [rule, "on", "off"] })
      const { errorCode, errorDetails } = flag.evaluate(context)
      assert.match(
        `${errorCode} ${errorDetails}`,
        /GENERAL .*too much work|PARSE_ERROR/,
        JSON.stringify(rule).slice(0, 90)
      )
    }
  })

  it("FE2 what one evaluation used up, or ended with, is nothing to the next", () => {
    const flag = flagWith({
      if: [{ some: [{ var: "l" }, { some: [{ var: "m" }, { "==": [{ var: "" }, 1] }] }] }, "on", "off"]
    })
    const dear = { l: Array.from({ length: 1_000 }, () => ({ m: Array.from({ length: 1_000 }, () => 0) })) }
    const cheap = { l: [{ m: [0] }, { m: [0, 1] }] }
    for (let n = 0; n < 3; n++) {
      assert.strictEqual(flag.evaluate(dear).errorCode, "GENERAL")
      assert.strictEqual(flag.evaluate(cheap).variant, "on")
    }
    const inside = flagWith({ fractional: [{ var: "unit" }, ["on", 1], ["off", 1]] })
    assert.strictEqual(inside.evaluate({ targetingKey: "a" }).reason, "DEFAULT")
    assert.strictEqual(inside.evaluate({}).reason, "DEFAULT")
  })

  it("FE1 names that a rule puts together are short: none of them stays in the engine's memory", () => {
    const { errorCode } = flagWith({ if: [{ var: { var: "name" } }, "on", "off"] }).evaluate({
      name: "x".repeat(1_000_000)
    })
    assert.strictEqual(errorCode, "GENERAL")
  })

  it("FE1 a targeting key of a megabyte is hashed like any other", () => {
    const key = "ab".repeat(500_000)
    const { variant } = flagWith({
      fractional: [
        ["on", 50],
        ["off", 50]
      ]
    }).evaluate({ targetingKey: key })
    assert.include(["on", "off"], variant)
  })

  it("FE3 a list of many values is asked as a list: by type, with null and truth values, and never by what looks alike", () => {
    const list = ["a", "b", 1, 2, true, null, "c", "d", "1.5"]
    const flag = flagWith({ if: [{ in: [{ var: "x" }, list] }, "on", "off"] })
    for (const x of ["a", "b", 1, 2, true, null, "c", "1.5", "1", false, 1.5, undefined, "", [], {}]) {
      assert.strictEqual(
        flag.evaluate({ x }).variant,
        list.includes((x ?? null) as never) ? "on" : "off",
        JSON.stringify(x)
      )
    }
  })

  it("FE3 in a list, what is asked of each element may put people into buckets and compare versions", () => {
    const flag = flagWith({
      if: [{ some: [{ var: "apps" }, { sem_ver: [{ var: "version" }, ">=", "2.0.0"] }] }, "on", "off"]
    })
    assert.strictEqual(flag.evaluate({ apps: [{ version: "1.0.0" }, { version: "2.1.0" }] }).variant, "on")
    const bucket = {
      fractional: [
        ["on", 1],
        ["off", 1]
      ]
    }
    const inside = flagWith({ if: [{ some: [[1], { "===": [bucket, "on"] }] }, "on", "off"] })
    for (const targetingKey of ["a", "b", "c", "d"]) {
      assert.strictEqual(inside.evaluate({ targetingKey }).variant, flagWith(bucket).evaluate({ targetingKey }).variant)
    }
  })

  it("FE7 answers are shared and can't be changed", () => {
    const flag = flagsOf({
      a: { state: "ENABLED", variants: { a: { deep: { list: [1] } } }, defaultVariant: "a", metadata: { x: 1 } }
    }).get("a")!
    const answer = flag.evaluate({})
    assert.strictEqual(flag.evaluate({}), answer)
    assert.throws(() => (answer.value as { deep: { list: Array<number> } }).deep.list.push(2))
    assert.throws(() => Object.assign(answer.metadata, { x: 2 }))
  })

  it("FE12 a flag and all its prerequisites have together what one rule has", () => {
    const costly = { if: [{ some: [{ var: "l" }, { in: [{ var: "" }, ["x", "y"]] }] }, "off", "on"] }
    const list = (length: number) => ({ l: Array.from({ length }, () => "a") })
    const chain = Object.fromEntries(
      Array.from({ length: 10 }, (_, n) => [
        `n${n}`,
        { ...toggle(costly), ...(n === 0 ? {} : { prerequisites: [{ flag: `n${n - 1}`, variant: "on" }] }) }
      ])
    )
    const flags = flagsOf(chain)
    const steps = (length: number) => {
      const allowance = { left: 10 * STEPS }
      flags.get("n0")!.evaluate(list(length), allowance)
      return 10 * STEPS - allowance.left
    }
    const third = Math.floor((100_000 * STEPS) / 3 / steps(100_000))
    assert.strictEqual(flags.get("n0")!.evaluate(list(third)).variant, "on")
    assert.strictEqual(flags.get("n1")!.evaluate(list(third)).variant, "on")
    // The rules at its end are not run any more: it serves its default, or says that it was too much.
    assert.notStrictEqual(flags.get("n9")!.evaluate(list(third)).variant, "on")
    assert.strictEqual(flags.get("n0")!.evaluate(list(third)).variant, "on")
  })

  it("FE12 evaluations that share their steps end as errors where they are costly, and are answered where they are cheap", () => {
    const flags = flagsOf({
      cheap: toggle({ if: [{ some: [[1, 2, 3], { "==": [{ var: "" }, 3] }] }, "on"] }),
      costly: toggle({ if: [{ some: [{ var: "l" }, { in: [{ var: "" }, ["x", "y"]] }] }, "off", "on"] })
    })
    const context = { l: Array.from({ length: 50_000 }, () => "a") }
    const allowance = { left: 3 * STEPS }
    const answers: Array<string> = []
    for (let n = 0; n < 200; n++) {
      const { errorCode, variant = "" } = flags.get("costly")!.evaluate(context, allowance)
      answers.push(errorCode ?? variant)
      assert.strictEqual(flags.get("cheap")!.evaluate(context, allowance).variant, "on")
    }
    const answered = answers.indexOf("GENERAL")
    assert.isAbove(answered, 0)
    assert.deepStrictEqual(new Set(answers.slice(0, answered)), new Set(["on"]))
    assert.deepStrictEqual(new Set(answers.slice(answered)), new Set(["GENERAL"]))
    assert.isAbove(allowance.left, -400 * FLOOR)
    assert.strictEqual(flags.get("costly")!.evaluate(context).variant, "on")
  })
})
