import { assert, describe, it } from "@effect/vitest"
import { JsonPatch, Schema } from "effect"
import { applyPatch } from "../../src/delta/JsonPatch.ts"
import { delta, difference } from "../../src/values/Diff.ts"
import { Choices, jsonText } from "../support/JsonText.ts"

const applied = (patch: string, from: string): string =>
  JSON.stringify(JsonPatch.apply(JSON.parse(patch) as JsonPatch.JsonPatch, JSON.parse(from) as Schema.Json))

const padding = { padding: "x".repeat(200) }

describe("Diff", () => {
  it("is structural for JSON and by lines for text", () => {
    assert.deepStrictEqual(difference("a", "a"), { kind: "none" })
    assert.deepStrictEqual(difference('{"a":1}', '{ "a": 2 }'), {
      kind: "json",
      patch: [{ op: "replace", path: "/a", value: 2 }]
    })
    const lines = difference("one\ntwo\nthree\n", "one\n2\nthree\n")
    assert.strictEqual(lines.kind, "lines")
    assert.include(lines.kind === "lines" ? lines.unified : "", "-two\n+2\n")
  })

  it("shows a change of layout alone, and of long numbers, as lines", () => {
    assert.strictEqual(difference('{"a":1}', '{ "a":1 }').kind, "lines")
    assert.strictEqual(difference('{"a":9007199254740993}', '{"a":9007199254740992}').kind, "lines")
  })

  it("DF2 shows what JavaScript would change as lines, one member a line", () => {
    for (const [from, to, minus, plus] of [
      ['{"a":1,"b":1.1}', '{"a":1,"b":1.10}', '-  "b": 1.1', '+  "b": 1.10'],
      [
        '{"a":9007199254740993,"b":[1]}',
        '{"a":9007199254740992,"b":[1]}',
        '-  "a": 9007199254740993',
        '+  "a": 9007199254740992'
      ],
      ['{"a":1e5}', '{"a":100000}', '-  "a": 1e5', '+  "a": 100000'],
      ['{"a":1,"a":2,"b":1}', '{"a":2,"b":2}', '-  "a": 1', '+  "b": 2'],
      ['"A"', '"\\u0041"', '-"A"', '+"\\u0041"']
    ] as const) {
      const result = difference(from, to)
      assert.strictEqual(result.kind, "lines")
      assert.include(result.kind === "lines" ? result.unified : "", minus)
      assert.include(result.kind === "lines" ? result.unified : "", plus)
    }
    assert.strictEqual(difference('{"a":"1234567890123456789"}', '{"a":"2234567890123456789"}').kind, "json")
  })

  it("bounds the work for texts that have nothing in common", () => {
    const text = (word: string) => Array.from({ length: 40_000 }, (_, line) => `${word} ${line}`).join("\n")
    const result = difference(text("a"), text("b"))
    assert.strictEqual(result.kind, "lines")
    if (result.kind === "lines") assert.include(result.unified, "@@ -1,40000 +1,40000 @@")
  })

  it("makes a delta where it is smaller", () => {
    const from = JSON.stringify({ a: 1, ...padding })
    const to = JSON.stringify({ a: 2, ...padding })
    const patch = delta(from, to)
    assert.strictEqual(patch, '[{"op":"replace","path":"/a","value":2}]')
    assert.strictEqual(applied(patch as string, from), to)
    assert.isUndefined(delta('{"a":1}', '{"a":2}'))
    assert.isUndefined(delta("one", "two"))
    assert.isUndefined(delta(from, from))
  })

  it("DF1 makes none where the bytes would differ: layout, order of keys, size", () => {
    const from = JSON.stringify({ a: 1, b: 2, ...padding })
    assert.isUndefined(delta(from, JSON.stringify({ a: 2, b: 2, ...padding }, null, 1)))
    assert.isUndefined(delta(from, JSON.stringify({ b: 2, a: 1, ...padding })))
    assert.isUndefined(delta(from, JSON.stringify({ c: 0, a: 1, b: 2, ...padding })))
    const large = (a: number) => JSON.stringify({ a, text: "x".repeat(70_000) })
    assert.isUndefined(delta(large(1), large(2)))
  })

  it("DF2 makes none where numbers would be rounded", () => {
    const text = (a: string) => `{"a":${a},"padding":"${padding.padding}"}`
    assert.isUndefined(delta(text("9007199254740993"), text("1")))
    assert.isUndefined(delta(text("1"), text("9007199254740993")))
    assert.isUndefined(delta(text("1"), text("1.0")))
    assert.isUndefined(delta(text("1"), text("1e2")))
  })

  it.prop(
    "DF1 DF2 for any JSON texts: a delta gives exactly the new text, as the SDK applies it",
    [Choices, Choices],
    ([one, two]) => {
      const [from, to] = [one, two].map((choices) => `{"a":${jsonText(choices)},"padding":"${padding.padding}"}`)
      const patch = delta(from as string, to as string)
      if (patch === undefined) return
      assert.strictEqual(JSON.stringify(applyPatch(JSON.parse(from as string), JSON.parse(patch))), to)
    },
    { arbitrary: { runs: 1_000 } }
  )

  let made = 0
  it.prop(
    "DF1 for any two JSON values: a delta gives exactly the new text",
    [Schema.Json, Schema.Json],
    ([one, two]) => {
      const [from, to] = [JSON.stringify([one, padding]), JSON.stringify([two, padding])]
      const patch = delta(from, to)
      if (patch === undefined) return
      made++
      assert.isBelow(patch.length, to.length)
      assert.strictEqual(applied(patch, from), to)
      assert.strictEqual(JSON.stringify(applyPatch(JSON.parse(from), JSON.parse(patch))), to)
    },
    { arbitrary: { runs: 500 } }
  )
  it("DF1 was tried on deltas", () => assert.isAbove(made, 20))

  it.prop(
    "for any two JSON values: the patch leads from one to the other",
    [Schema.Json, Schema.Json],
    ([one, two]) => {
      const [from, to] = [JSON.stringify(one), JSON.stringify(two)]
      const result = difference(from, to)
      if (result.kind === "none") assert.strictEqual(from, to)
      if (result.kind !== "json") return
      const patched = JsonPatch.apply(result.patch as JsonPatch.JsonPatch, JSON.parse(from))
      assert.deepStrictEqual(patched, JSON.parse(to))
    },
    { arbitrary: { runs: 300 } }
  )
})
