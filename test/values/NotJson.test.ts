import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { whyNotJson } from "../../src/values/NotJson.ts"

describe("why a text is not JSON", () => {
  it("QJ1 is told with the place, and with nothing of the text but a character", () => {
    for (const [text, why] of [
      ["hunter2", "Unexpected token 'h' in JSON at position 0"],
      ['{"a": 1, "password": hunter2}', "Unexpected token 'h' in JSON at position 21"],
      ['{"a":1,}', "Expected double-quoted property name in JSON at position 7"],
      ["[1] hunter2", "Unexpected non-whitespace character after JSON at position 4"],
      ["undefined", "Unexpected text in JSON at position 0"],
      [`["${"x".repeat(5_000)}", hunter2]`, "Unexpected token 'h'"],
      ["", "Unexpected end of JSON input"]
    ] as const)
      assert.strictEqual(whyNotJson(text).replace(/ \(line \d+ column \d+\)$/, ""), why, text.slice(0, 40))
  })

  it.prop(
    "QJ1 whatever the text is, no three characters of it in a row that are a secret's",
    [Schema.Array(Schema.Literals(["ŝecret", '"', "{", "}", "[", ":", ",", " ", "1", "\\", "true"]))],
    ([parts]) => assert.notInclude(whyNotJson(parts.join("")), "ŝec")
  )
})
