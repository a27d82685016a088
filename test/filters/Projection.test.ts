import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { byField, byKey } from "../../src/filters/Conflation.ts"
import { FIELDS, projectionOf } from "../../src/filters/Projection.ts"

const bytes = (text: string) => new TextEncoder().encode(text)
const projected = (fields: ReadonlyArray<string>, text: string) => {
  const found = Result.getOrThrow(projectionOf(fields)).of(bytes(text))
  return found === undefined ? undefined : new TextDecoder().decode(found)
}

describe("Projection", () => {
  it("PF1 leaves what is wanted as it was written, in the order in which it was written", () => {
    const text = '{ "b" : 1.50, "a":"\\u0061" ,"c":{"x": [1, 2]},"d":null}'
    assert.strictEqual(projected(["a", "b"], text), '{"b" : 1.50,"a":"\\u0061"}')
    assert.strictEqual(projected(["c"], text), '{"c":{"x": [1, 2]}}')
    assert.strictEqual(projected(["nope"], text), "{}")
    assert.strictEqual(projected(["a"], '{"a":1,"b":2,"\\u0061":3}'), '{"\\u0061":3}')
    for (const none of ["[1]", '"a"', "", "{", '{"a":1}x', "null"])
      assert.strictEqual(projected(["a"], none), undefined)
  })

  const Member = Schema.Tuple([
    Schema.Literals(["a", "b", "c", "é"]),
    Schema.Union([Schema.Finite, Schema.String, Schema.Null])
  ])
  it.prop(
    "PF1 is JSON with the values of the fields that are wanted, and no others",
    [Schema.Array(Member), Schema.NonEmptyArray(Schema.Literals(["a", "b", "é", "z"]))],
    ([members, fields]) => {
      const text = `{${members.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(", ")}}`
      const all = JSON.parse(text) as Record<string, unknown>
      const expected = Object.fromEntries(
        Object.entries(all).filter(([name]) => (fields as ReadonlyArray<string>).includes(name))
      )
      assert.deepStrictEqual(JSON.parse(projected(fields, text)!), expected)
    }
  )

  it("PF2 is one for the same fields, and its bounds are said", () => {
    const id = (fields: ReadonlyArray<string>) => Result.getOrThrow(projectionOf(fields)).id
    assert.strictEqual(id(["b", "a", "b"]), id(["a", "b"]))
    assert.notStrictEqual(id(["a,b"]), id(["a", "b"]))
    for (const wrong of [
      [],
      [""],
      ["x".repeat(257)],
      ["\ud800"],
      Array.from({ length: FIELDS + 1 }, (_, n) => `f${n}`)
    ])
      assert.isTrue(Result.isFailure(projectionOf(wrong)))
  })
})

describe("conflation", () => {
  it("CF6 is by the event's key, or by a field's value and type; what has none stands for itself", () => {
    const of = (key: string | null, text: string) => ({ key, payload: bytes(text) })
    assert.strictEqual(byKey(of("k", "")), "k")
    assert.strictEqual(byKey(of(null, "{}")), undefined)
    const symbol = byField("symbol")
    assert.strictEqual(symbol(of(null, '{"symbol":"A"}')), symbol(of("x", '{"n":1,"symbol":"\\u0041"}')))
    assert.strictEqual(symbol(of(null, '{"symbol":1.0}')), symbol(of(null, '{"symbol":1}')))
    assert.notStrictEqual(symbol(of(null, '{"symbol":"1"}')), symbol(of(null, '{"symbol":1}')))
    for (const none of ["{}", '{"symbol":null}', '{"symbol":[1]}', "no JSON", '{"symbol":"A"'])
      assert.strictEqual(symbol(of("k", none)), undefined)
  })
})
