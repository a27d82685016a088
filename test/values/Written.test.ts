import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { type Carries, readCarrier, type Written } from "../../src/values/Written.ts"
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

  it("CV3 refuses prototypes and depth, in values too", () => {
    assert.include(refused('{"value":{"__proto__":1}}', "value"), "__proto__")
    assert.include(refused(`{"value":${"[".repeat(90)}${"]".repeat(90)}}`, "value"), "deeper")
  })

  it("takes documents of any shape", () => {
    for (const text of ["1", "null", "[]", '{"changes":{}}', '{"changes":[[1]]}', '{"changes":null}']) {
      for (const carries of ["nothing", "value", "changes"] as const) {
        assert.deepStrictEqual(readCarrier(text, carries), Result.succeed(JSON.parse(text)))
      }
    }
  })
})
