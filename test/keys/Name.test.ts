import { assert, describe, it } from "@effect/vitest"
import { keyIn, kindIn, nameOf, wrongName, wrongNamePattern } from "../../src/keys/Name.ts"
import { matches, outermost, patternsOf, prefixOf } from "../../src/keys/Pattern.ts"
import { Interest } from "../../src/sessions/Interest.ts"

describe("Name", () => {
  it("US1 a name tells its kind and its key, and one without a kind is a key", () => {
    assert.strictEqual(nameOf("flag", "a/b"), "@flag/a/b")
    assert.deepStrictEqual([kindIn("@flag/a/b"), keyIn("@flag/a/b")], ["flag", "a/b"])
    assert.deepStrictEqual([kindIn("a/b"), keyIn("a/b")], ["", "a/b"])
    for (const name of ["a", "a/b", "@flag/a", "@flag/a.b"]) assert.isUndefined(wrongName(name), name)
    for (const name of ["@flag", "@flag/", "@/a", "@Flag/a", "@flag/@flag/a", "@flag/*", "*", ""])
      assert.isString(wrongName(name), name)
  })

  it("US3 patterns of a kind cover its keys and no others, and are found by what they cover", () => {
    for (const pattern of ["@flag/*", "@flag/a", "@flag/a.*", "a.*"]) assert.isUndefined(wrongNamePattern(pattern))
    for (const pattern of ["@flag/", "@flag/**", "@flag/a*", "@*/a", "@flag", "*", "a/*"])
      assert.isString(wrongNamePattern(pattern), pattern)
    const patterns = ["*", "a.*", "@flag/*", "@flag/a.*", "@flag/a.b", "@toy/*"]
    const interest = new Interest<string>()
    for (const pattern of patterns) interest.add("production", pattern, pattern)
    for (const [key, covering] of [
      ["@flag/a.b", ["@flag/*", "@flag/a.*", "@flag/a.b"]],
      ["@flag/c", ["@flag/*"]],
      ["@toy/a.b", ["@toy/*"]],
      ["a.b", ["*", "a.*"]],
      ["flag/a.b", ["*"]]
    ] as const) {
      assert.sameMembers(
        patterns.filter((pattern) => matches(pattern, key)),
        [...covering]
      )
      assert.sameMembers([...interest.wanting("production", key)], [...covering])
      assert.includeMembers([...patternsOf(key)], [...covering])
    }
    assert.deepStrictEqual(outermost(["@flag/a.*", "@flag/*", "a"]), ["@flag/*", "a"])
    assert.strictEqual(prefixOf("@flag/*"), "@flag/")
  })
})
