import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Value from "../../src/values/Value.ts"
import { type Carries, ENTRIES, readCarrier, type Written } from "../../src/values/Written.ts"
import { Choices, jsonText } from "../support/JsonText.ts"

const made = (text: string, carries: Carries) => {
  const result = readCarrier(text, carries)
  return Result.isSuccess(result) ? (result.success as Record<string, unknown>) : assert.fail(result.failure)
}
const refused = (text: string, carries: Carries = "changes") => {
  const result = readCarrier(text, carries)
  return Result.isFailure(result) ? result.failure : assert.fail(`accepted ${text.slice(0, 80)}`)
}

describe("Written", () => {
  it.prop(
    "CV1 a value is its own text, that of a string what the string says",
    [Choices, Choices],
    ([one, two]) => {
      const [first, second] = [jsonText(one), jsonText(two)]
      const document = made(`{"changes":[{"value":${first}}, 7, {"value": ${second} , "x":1}],"value":5}`, "changes")
      const [written, , other] = document["changes"] as ReadonlyArray<{ value: Written | null }>
      for (const [{ value }, text] of [
        [written!, first],
        [other!, second]
      ] as const) {
        if (text === "null") assert.isNull(value)
        else assert.strictEqual(value?.text, text.startsWith('"') ? JSON.parse(text) : text)
      }
      assert.strictEqual(document["value"], 5)
    },
    { arbitrary: { runs: 500 } }
  )

  it("CV2 refuses what would be lost", () => {
    assert.include(refused('{"changes":[{"value":{"a":1,"a":2}}]}'), '"a" appears twice')
    assert.include(refused('{"changes":[{"value":1}],"changes":[{"value":2}]}'), '"changes" appears twice')
    assert.include(refused('{"value":1,"value":2}', "value"), '"value" appears twice')
    assert.include(refused('{"value":9007199254740993}', "nothing"), "9007199254740993")
    assert.include(refused('{"value":1,"schema":{"maximum":1e400}}', "value"), "1e400")
    assert.include(refused("{"), "not JSON")
  })

  it("CV5 lists that carry values are counted, and nothing is made of the entries of a longer one", () => {
    const many = (name: string, count: number) => `{"${name}":[${Array(count).fill("{}").join(",")}]}`
    for (const [carries, name] of [
      ["events", "events"],
      ["changes", "changes"],
      ["changes", "segments"]
    ] as const) {
      assert.isTrue(Result.isSuccess(readCarrier(many(name, ENTRIES), carries)))
      assert.include(refused(many(name, ENTRIES + 1), carries), `${name} has ${ENTRIES + 1} entries`)
    }
    assert.isTrue(Result.isSuccess(readCarrier(many("other", ENTRIES + 1), "events")))
  })

  it("CV3 refuses prototypes and depth, in values too", () => {
    assert.include(refused('{"value":{"__proto__":1}}', "value"), "__proto__")
    assert.include(refused(`{"value":${"[".repeat(90)}${"]".repeat(90)}}`, "value"), "levels deep")
  })

  it("CV4 says of a value what its reader would, as its type", () => {
    const problem = (value: string) => (made(`{"value":${value}}`, "value")["value"] as Written).problem
    for (const value of ['{"a":[1,{"$secret":"s"}]}', "[]", "7", "true", '"x"', '"\\ud83d\\ude42"']) {
      assert.isUndefined(problem(value), value)
    }
    for (const value of ['{"$secret":7}', '[{"a":1e400}]', '["\\ud800"]', '{"\\udfff":1,"$secret":[]}', "1e999"]) {
      const { text, type } = made(`{"value":${value}}`, "value")["value"] as Written
      const read = Value.read(type, text)
      assert.strictEqual(problem(value), Result.isFailure(read) ? read.failure : "accepted", value)
      assert.include(refused(`{"value":${value},"value":${value}}`, "value"), '"value" appears twice')
    }
    assert.include(problem('"a\\u0000"'), "NUL")
    assert.include(refused('{"value":{"$secret":7,"a":1,"a":2}}', "value"), '"a" appears twice')
  })

  it("takes documents of any shape", () => {
    for (const text of ["1", "null", "[]", '{"changes":{}}', '{"changes":[[1]]}', '{"changes":null}']) {
      for (const carries of ["nothing", "value", "changes"] as const) {
        assert.deepStrictEqual(readCarrier(text, carries), Result.succeed(JSON.parse(text)))
      }
    }
  })
})
