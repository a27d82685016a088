import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { decimal, inexactIn, isExact, laidOut, membersAt, membersOf, survey, twiceIn } from "../../src/values/Json.ts"
import { Choices, jsonText } from "../support/JsonText.ts"

/** Tokens of a JSON text, without the spaces between them. */
const tokens = (text: string) => text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? []

describe("Json", () => {
  it("JS1 finds a name that appears twice, at any depth and in any spelling", () => {
    for (const [text, name] of [
      ['{"a":1,"a":2}', "a"],
      ['[{"b":{"x" : 1 ,"y":[{}],"x":{}}}]', "x"],
      ['{"a":1,"\\u0061":2}', "a"],
      ['{"__proto__":1,"__proto__":2}', "__proto__"],
      ['{"":1,"":1}', ""]
    ] as const) {
      assert.isAbove(survey(text).members, membersOf(JSON.parse(text)))
      assert.strictEqual(twiceIn(text), name)
    }
    for (const text of ['{"a":{"a":1},"b":[{"a":1},{"a":2}]}', '["a:","a:"]', '{"x\\":":"{\\"x\\":1}"}', "1", "{}"]) {
      assert.strictEqual(survey(text).members, membersOf(JSON.parse(text)))
      assert.isUndefined(twiceIn(text))
    }
  })

  it("JS2 knows which numbers JavaScript holds", () => {
    for (const exact of [
      "0",
      "-0",
      "1.10",
      "0.1",
      "1e5",
      "100000000000000000000",
      "1.7976931348623157e308",
      "5e-324",
      "1E2"
    ]) {
      assert.isTrue(isExact(exact), exact)
    }
    for (const inexact of [
      "9007199254740993",
      "0.12345678901234567890",
      "1e400",
      "1e-400",
      "-127525757991925097",
      "1.00000000000000001"
    ]) {
      assert.isFalse(isExact(inexact), inexact)
      assert.notStrictEqual(survey(`{"a":[${inexact}]}`).inexact, -1)
    }
    assert.strictEqual(survey('["9007199254740993"]').inexact, -1)
    assert.deepStrictEqual(
      [...inexactIn('{"a/b~":[1,9007199254740993],"x":{"\\u0079":1e-400}}')],
      [
        ["/a~1b~0/1", "9007199254740993"],
        ["/x/y", "1e-400"]
      ]
    )
    assert.deepStrictEqual([...inexactIn(" 9007199254740993")], [["", "9007199254740993"]])
  })

  it("JS2 compares decimals of any length in linear time", () => {
    const zeros = "0".repeat(500_000)
    assert.strictEqual(decimal(`0.${zeros}1e500001`), "1e0")
    assert.strictEqual(decimal(`1${zeros}`), "1e500000")
    assert.isFalse(isExact(`0.${zeros}1`))
    assert.isTrue(isExact(`0.${zeros}`))
  })

  it.prop(
    "JS2 JS3 for any JSON: members and numbers are found, and what is cut out or laid out keeps its tokens",
    [Choices],
    ([choices]) => {
      const text = jsonText(choices)
      const json = JSON.parse(text)
      assert.strictEqual(survey(text).members, membersOf(json))
      assert.isUndefined(twiceIn(text))
      for (const { name, from, to } of membersAt(text)) {
        const part = text.slice(from, to)
        assert.strictEqual(part, part.trim())
        assert.deepStrictEqual(JSON.parse(part), name === "" && Array.isArray(json) ? JSON.parse(part) : json[name])
      }
      assert.deepStrictEqual(tokens(laidOut(text)), tokens(text))
      assert.strictEqual(inexactIn(text).size > 0, survey(text).inexact !== -1)
      for (const [pointer, number] of inexactIn(text)) {
        const steps = pointer
          .split("/")
          .slice(1)
          .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))
        assert.strictEqual(
          steps.reduce((at, step) => at[step], json),
          Number(number)
        )
      }
    },
    { arbitrary: { runs: 1_500 } }
  )

  it.prop("JS3 lays out as JSON.stringify does", [Schema.Json], ([json]) => {
    assert.strictEqual(laidOut(JSON.stringify(json)), JSON.stringify(JSON.parse(JSON.stringify(json)), null, 2))
  })
})
