import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import type { Configuration } from "../../src/configuration/Configuration.ts"
import { definedBy, variablesOf } from "../../src/configuration/Variables.ts"
import { namedTextsIn } from "../../src/values/Json.ts"

const made = (text: string) => {
  const result = variablesOf(namedTextsIn(text))
  return Result.isSuccess(result) ? result.success : assert.fail(result.failure)
}

describe("Variables", () => {
  it("JS3 a variable is what was written, digit by digit", () => {
    assert.deepStrictEqual(
      made('{"price":1.10, "id" : 9007199254740993,"big":1E5,"on":true,"text":"\\u0041\\n","zero":-0}'),
      { price: "1.10", id: "9007199254740993", big: "1E5", on: "true", text: "A\n", zero: "-0" }
    )
    assert.deepStrictEqual(made(" {} "), {})
  })

  it("refuses what is no flat object of names", () => {
    for (const text of [
      "[1]",
      "1",
      '"x"',
      "null",
      '{"a":{}}',
      '{"a":[]}',
      '{"a":null}',
      '{"1a":1}',
      '{"client.x":1}'
    ]) {
      assert.isTrue(Result.isFailure(variablesOf(namedTextsIn(text))), text)
    }
    for (const value of ["{", "", '{"a":', "[1]", "null", '{"a":{}}']) {
      assert.deepStrictEqual(definedBy({ value, deleted: false } as Configuration), {}, value)
    }
  })
})
