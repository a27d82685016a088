import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { schemaText } from "../../src/values/JsonSchema.ts"

const schemaProblem = (schema: unknown): string | undefined => {
  const text = schemaText(schema)
  return Result.isFailure(text) ? text.failure : undefined
}
const nested = (depth: number): unknown => (depth === 0 ? {} : { not: nested(depth - 1) })

describe("JsonSchema", () => {
  it("takes objects and booleans of draft 2020-12", () => {
    const dialect = "https://json-schema.org/draft/2020-12/schema"
    for (const schema of [true, {}, { $schema: dialect, type: "object" }, { $defs: { a: {} }, $ref: "#/$defs/a" }]) {
      assert.isUndefined(schemaProblem(schema))
    }
    assert.isUndefined(schemaProblem({ properties: { $ref: { type: "string" } } }))
    assert.isUndefined(schemaProblem({ const: { $secret: 1 } }))
  })

  it("refuses what is none, another draft, remote, too large, too deep or harmful", () => {
    assert.include(schemaProblem("x"), "object or a boolean")
    assert.include(schemaProblem([]), "object or a boolean")
    assert.include(schemaProblem({ $schema: "http://json-schema.org/draft-07/schema#" }), "2020-12 only")
    assert.include(schemaProblem({ allOf: [{ $ref: "https://example.com/a.json" }] }), "remote")
    assert.include(schemaProblem({ $dynamicRef: "other.json#x" }), "remote")
    assert.include(schemaProblem({ description: "x".repeat(70_000) }), "larger than")
    assert.include(schemaProblem(nested(100)), "levels deep")
    assert.include(schemaProblem(JSON.parse('{"properties":{"__proto__":{}}}')), "__proto__")
    assert.include(schemaProblem({ $async: true }), "$async")
    assert.include(schemaProblem({ enum: ["a\u0000"] }), "NUL")
  })
})
