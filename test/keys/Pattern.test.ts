import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { coveredBy, isPattern, matches, outermost, prefixesOf, prefixOf, wrongPattern } from "../../src/keys/Pattern.ts"
import { Interest } from "../../src/sessions/Interest.ts"

const Steps = Schema.NonEmptyArray(Schema.Literals(["a", "b", "ab"]))
const Patterns = Schema.Array(Schema.Struct({ steps: Steps, below: Schema.Boolean }))
const keyOf = (steps: ReadonlyArray<string>) => steps.join(".")
const patternsOf = (given: typeof Patterns.Type) =>
  given.map(({ steps, below }) => (below ? `${keyOf(steps)}.*` : keyOf(steps)))

describe("Pattern", () => {
  it("PT1 a key covers itself, a key and .* every key below it", () => {
    assert.deepStrictEqual(
      ["a.b", "a.b.c", "a", "a.bc"].map((key) => matches("a.b", key)),
      [true, false, false, false]
    )
    assert.deepStrictEqual(
      ["a.b", "a.b.c", "a", "ab"].map((key) => matches("a.*", key)),
      [true, true, false, false]
    )
    for (const pattern of ["a", "a.b", "a.*", "a/b:c.*"]) assert.isTrue(isPattern(pattern), pattern)
    for (const pattern of ["", ".*", "a*", "a.*.b", "a b.*", "a..*", `${"a".repeat(257)}.*`])
      assert.include(wrongPattern(pattern), "is not a key or a key followed by .*")
  })

  it("PT2 * covers every key, and is nothing to subscribe to", () => {
    assert.isTrue(matches("*", "a.b"))
    assert.isFalse(isPattern("*"))
    const interest = new Interest<string>()
    interest.add("production", "*", "operator")
    assert.deepStrictEqual([...interest.wanting("production", "a.b")], ["operator"])
  })

  it.prop(
    "PT1 PT3 prefixes, the index of who wants a key, and the outermost patterns cover the same",
    [Patterns, Steps],
    ([given, steps]) => {
      const [patterns, key] = [patternsOf(given), keyOf(steps)]
      const interest = new Interest<string>()
      for (const pattern of patterns) interest.add("production", pattern, pattern)
      const wanting = new Set(interest.wanting("production", key))
      const prefixes = [...prefixesOf(key)]

      for (const pattern of patterns) {
        const prefix = prefixOf(pattern)
        assert.strictEqual(wanting.has(pattern), matches(pattern, key))
        assert.strictEqual(prefix === undefined ? pattern === key : prefixes.includes(prefix), matches(pattern, key))
      }
      const least = outermost(patterns)
      assert.strictEqual(coveredBy(least, key), coveredBy(patterns, key))
      assert.isAtMost(least.filter((pattern) => matches(pattern, key)).length, 1)
    }
  )
})
