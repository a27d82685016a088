/** What somebody may write to stop a server. */
import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { FILTER_BYTES, filterOf, STEPS } from "../../src/filters/Filter.ts"
import { Filters } from "../../src/filters/Filters.ts"
import { Pattern } from "../../src/filters/Pattern.ts"
import { ELEMENTS } from "../../src/filters/Reading.ts"
import { costOfPatterns, costOfText, isRemembered, remembered, rememberedFilter } from "../../src/filters/Remembered.ts"
import { UNDECLARED, variablesOf } from "../../src/filters/Variables.ts"
import { dice } from "../support/Chance.ts"
import { event } from "./Events.ts"

const typed = variablesOf({
  properties: {
    tags: { type: "array", items: { type: "string" } },
    more: { type: "array", items: { type: "string" } },
    text: { type: "string" }
  }
})
const problem = (text: string, variables = UNDECLARED): string => {
  const found = filterOf(text, variables)
  assert.isTrue(Result.isFailure(found), text.slice(0, 100))
  return Result.isFailure(found) ? found.failure.message : ""
}
const outcome = (text: string, payload: unknown) => {
  const filters = new Filters(typed)
  const held = Result.getOrThrow(filters.hold(text))
  filters.match(event({ payload: JSON.stringify(payload) }))
  return Object.entries(held.counts)
    .filter(([, count]) => count > 0)
    .map(([name]) => name)
    .join()
}

const repeated = (n: number) => `key.matches("([a-z]{1,30}[0-9]?){1,9}x${n}")`

describe("filters that explode", () => {
  it("FZ7 are refused by their size before they are read", () => {
    for (const text of [
      `a${" && a".repeat(20_000)}`,
      "x".repeat(10_000_000),
      "(".repeat(1_000_000),
      "é".repeat(FILTER_BYTES / 2 + 1),
      `"${"\\".repeat(5_000)}`
    ])
      assert.include(problem(text), `longer than ${FILTER_BYTES} bytes`)
  })

  it("FZ7 are refused by their parts or depth while they are read", () => {
    assert.include(problem(`a${"&&a".repeat(600)}`), "more than 256 parts")
    assert.include(problem(`${"(".repeat(2_000)}a${")".repeat(2_000)}`), "nested deeper than 32")
    assert.include(problem(`${"[".repeat(2_000)}a${"]".repeat(2_000)}`), "nested deeper than 32")
    assert.include(problem(`a${".a".repeat(1_000)}`), "nested deeper than 32")
    assert.include(problem(`a${"[0]".repeat(1_000)}`), "nested deeper than 32")
    assert.include(problem(`${"!".repeat(4_000)}a`), "more than 256 parts")
    assert.include(problem(`${"-".repeat(4_000)}a > 0`), "more than 256 parts")
    assert.include(problem(`a in [${"1,".repeat(2_000)}1]`), "more than 256 parts")
    assert.include(problem(`{${'"a":1,'.repeat(500)}"a":1} == a`), "more than 256 parts")
    assert.include(problem(`a${" ? a : a".repeat(100)}`), "nested deeper than 32")
  })

  it("FZ3 never go through lists within each other, nor through what may be anything", () => {
    for (const text of [
      "tags.all(a, more.all(b, a == b))",
      "tags.exists(a, [1, 2].exists(b, b > 1))",
      "tags.map(a, more.map(b, a + b)).size() > 0",
      "tags.filter(a, more.exists(b, a == b)).size() > 0",
      "tags.filter(a, a > 'b').exists(b, b == 'c')",
      "(tags + tags).exists(a, a == 'b')",
      "payload.other.exists(a, a == 'b')",
      "headers.exists(a, a == 'b')"
    ])
      assert.match(problem(text, typed), /within another one|that the topic's schema declares|begins with a name/, text)
    assert.include(problem("anything.exists(a, a == 1)"), "that the topic's schema declares")
    assert.include(problem("cel.bind(a, text + text, a + a == text)", typed), "no method")
  })

  it("FZ4 RZ1 have no pattern that explodes, and none that an event brings", () => {
    const matches = (pattern: string) => `text.matches(${JSON.stringify(pattern)})`
    for (const pattern of [
      "(a{1000}){1000}",
      "((a{30}){30}){30}",
      "[\\p{L}]{1000}",
      "(\\pL{50}){2}",
      "a".repeat(257),
      "(",
      "(?=a)",
      "(a)\\1"
    ])
      assert.include(problem(matches(pattern), typed), "the pattern")
    assert.include(problem("text.matches(key)", typed), "a constant")
    assert.include(problem("matches(text, text)", typed), "a constant")
    assert.include(problem("duration(text) > duration('1h')", typed), "a constant")
    assert.strictEqual(outcome(matches("(a+)+$"), { text: `${"a".repeat(60)}!` }), "other")
    assert.strictEqual(outcome(matches("(a|aa)+$"), { text: "a".repeat(60) }), "match")
    assert.strictEqual(outcome(matches("^(([a-z])+.)+[A-Z]([a-z])+$"), { text: "a".repeat(30_000) }), "costly")
  })

  it("RZ1 FZ7 are refused before a pattern is compiled where all of them are too much, and weigh what they keep", () => {
    const many = Array.from({ length: 20 }, (_, n) => repeated(n)).join(" || ")
    assert.include(problem(many, typed), "fewer or shorter ones")
    // Had it been compiled first, that would have been said.
    assert.include(problem(`${many} || key.matches("(")`, typed), "fewer or shorter ones")
    assert.include(problem(`${repeated(1)} || key.matches("(")`, typed), "no regular expression")
    const of = (text: string) => Result.getOrThrow(filterOf(text, UNDECLARED)).bytes
    assert.isAbove(of(repeated(1)) - of('key.matches("a")'), 40_000)
  })

  it("FZ13 are read once, also what is wrong with them, as far as there is room", () => {
    const first = rememberedFilter('a.contains("first")', UNDECLARED, "p0")
    assert.strictEqual(rememberedFilter('a.contains("first")', UNDECLARED, "ann"), first)
    assert.notStrictEqual(rememberedFilter('a.contains("first")', typed), first)
    const wrong = rememberedFilter("a >", UNDECLARED)
    assert.isTrue(Result.isFailure(wrong))
    assert.strictEqual(rememberedFilter("a >", UNDECLARED), wrong)
    for (let n = 0; n < 3_000; n++) rememberedFilter(`a == ${n}`, UNDECLARED, `p${n % 3}`)
    assert.notStrictEqual(rememberedFilter('a.contains("first")', UNDECLARED), first)
    for (let n = 0; n < 300; n++) rememberedFilter(repeated(n), UNDECLARED, `p${n % 3}`)
    const { entries, bytes, patterns } = remembered()
    assert.isAtMost(entries, 1_000)
    assert.isAtLeast(entries, 750)
    assert.isAtMost(bytes, 8_388_608)
    assert.isAtMost(patterns, 2_097_152)
  })

  it("FZ13 whoever comes with many, and with patterns, pushes out nothing that another one came with", () => {
    const variables = variablesOf({ properties: { a: { type: "string" } } })
    const of = (owner: string, count: number, text: (n: number) => string) =>
      Array.from({ length: count }, (_, n) => rememberedFilter(text(n), variables, owner))
    const [plain, patterns] = [(n: number) => `a.contains("ann ${n}")`, (n: number) => `a.matches("ann ${n}")`]
    const come = () => [...of("ann", 100, plain), ...of("ann", 20, patterns)]
    const anns = come()
    const old = of("", 100, (n) => `a.contains("old ${n}")`)
    const filters = new Filters(variables)
    for (let n = 0; n < 2_000; n++) filters.hold(`a == "eve ${n}"`, "eve")
    of("eve", 200, repeated)
    assert.isTrue(come().every((one, n) => one === anns[n]))
    assert.isTrue(of("", 100, (n) => `a.contains("old ${n}")`).every((one, n) => one === old[n]))
  })

  it("FZ14 a filter costs by its text, and by what its patterns come to, until it is remembered", () => {
    const of = (text: string) => [costOfText(text), costOfPatterns(text, UNDECLARED)]
    assert.deepStrictEqual(of(`a == "${"x".repeat(100)}"`), [2, 0])
    const short = 'a.matches("([a-z]{1,30}){1,30}1000")'
    assert.lengthOf(short, 36)
    assert.deepStrictEqual(of(short), [0, 24])
    assert.deepStrictEqual(of(`${short} && (`), [1, 0])
    assert.deepStrictEqual(of(`${short} && b == "${"x".repeat(100)}"`), [3, 24])
    assert.isFalse(isRemembered(short, UNDECLARED))
    rememberedFilter(short, UNDECLARED)
    assert.isTrue(isRemembered(short, UNDECLARED))
    assert.isTrue(isRemembered("x".repeat(1_000_000), UNDECLARED), "it is refused at once")
  })

  it("RZ2 keep no more of what they met than a bound", () => {
    const pattern = Pattern.of("[ab]*a[ab]{12}$") as Pattern
    assert.isUndefined(pattern.compile())
    const { of } = dice(1)
    for (let round = 0; round < 200; round++) {
      const text = Array.from({ length: 200 }, () => of(["a", "b"])).join("")
      assert.strictEqual(pattern.test(text), text.at(-13) === "a")
    }
  })

  it("FZ8 FZ9 are not evaluated when it would take too many steps, and that is counted", () => {
    const many = Array.from({ length: ELEMENTS + 1 }, () => "a")
    assert.strictEqual(outcome("tags.all(t, t == 'a')", { tags: many.slice(1) }), "match")
    assert.strictEqual(outcome("tags.all(t, t == 'a')", { tags: many }), "costly")
    const long = "x".repeat(60_000)
    const scans = Array.from({ length: 40 }, (_, n) => `text.contains("${n}")`).join(" || ")
    assert.strictEqual(outcome(scans, { text: "x" }), "other")
    assert.strictEqual(outcome(scans, { text: long }), "costly")
    assert.strictEqual(outcome('text.contains("y")', { text: long }), "other")
    assert.isAbove(STEPS, 0)
  })

  it("FZ8 FZ12 elements of lists are steps, however often a filter goes through them and puts them together", () => {
    const numbers = Array.from({ length: 499 }, (_, n) => n)
    const together = (count: number) => Array(count).fill("a").join("+")
    const counts = (text: string) => {
      const filters = new Filters(UNDECLARED)
      const held = filters.hold(text)
      if (Result.isFailure(held)) return JSON.stringify(held.failure)
      filters.match(event({ payload: JSON.stringify({ a: numbers, b: numbers }) }))
      filters.match(event({ payload: '{"a":[1,2],"b":[1,2]}' }))
      const { costly, match } = held.success.counts
      return { costly, match }
    }
    const texts = (count: number) => Array.from({ length: count }, (_, n) => n).join()
    for (const text of [
      `5000 in (${together(80)}) || true`,
      `[${texts(10)}].all(x, 5000 in (${together(12)}) || true)`,
      `size([${texts(20)}].map(x, ${together(20)})) > 0`,
      `(true ? ${together(60)} : a) == a || true`,
      `${Array.from({ length: 60 }, () => "a == b").join(" && ")} && true`
    ])
      assert.deepStrictEqual(counts(text), { costly: 1, match: 1 }, text)
    for (const text of ["5000 in a || true", "a == b || true", "size(a + b) > 1"])
      assert.deepStrictEqual(counts(text), { costly: 0, match: 2 }, text)
    const full = counts(`[${texts(60)}].all(x, 5000 in (${together(60)}) || true)`)
    assert.include(full, "as many filters as one event can be looked at with")
  })

  it("FZ12 what one filter looks at makes no other dear", () => {
    const filters = new Filters(UNDECLARED)
    Result.getOrThrow(filters.hold("size(list) > 5000"))
    const cheap = Array.from({ length: 300 }, (_, n) =>
      Result.getOrThrow(filters.hold(`text.endsWith("${n}") || true`))
    )
    const list = Array.from({ length: 999 }, (_, n) => n)
    filters.match(event({ payload: JSON.stringify({ list, text: "x" }) }))
    for (const { counts } of cheap) assert.strictEqual(counts.match, 1)
  })

  it("FZ10 take nothing from those that are not dear", () => {
    const filters = new Filters(typed)
    const dear = Array.from({ length: 20 }, (_, n) =>
      Result.getOrThrow(filters.hold(`text.matches("^(([a-z])+.)+[A-Z${n}]([a-z])+$")`))
    )
    const cheap = Result.getOrThrow(filters.hold('text.startsWith("aa")'))
    const of = event({ payload: JSON.stringify({ text: "a".repeat(6_000) }) })
    assert.deepStrictEqual(filters.match(of), [cheap])
    const costly = dear.filter(({ counts }) => counts.costly === 1).length
    assert.isAbove(costly, 5)
    assert.isBelow(costly, 20)
    assert.deepStrictEqual(filters.match(event({ payload: '{"text":"aa"}' })), [cheap])
    assert.strictEqual(filters.counts.costly, costly)
  })

  it("JX4 reach no prototype, whatever names they say and events have", () => {
    assert.include(problem("__proto__ == 1"), "Reserved")
    assert.include(problem("a.__proto__ == 1 && __proto__.b"), "Reserved")
    const filters = new Filters(UNDECLARED)
    const texts = [
      "constructor == 1",
      "a.constructor == 1",
      'payload["__proto__"].polluted == true',
      'a["__proto__"].polluted == true',
      "toString == 'x'",
      "a.hasOwnProperty == true",
      "has(constructor)",
      "has(a.toString)",
      "has(valueOf)"
    ]
    for (const text of texts) Result.getOrThrow(filters.hold(text))
    assert.deepStrictEqual(filters.match(event({ payload: '{"a":{"b":1}}' })), [])
    const own =
      '{"constructor":1,"a":{"constructor":1,"toString":1,"__proto__":{"polluted":true},"hasOwnProperty":true},"toString":"x","valueOf":0,"__proto__":{"polluted":true}}'
    assert.strictEqual(filters.match(event({ payload: own })).length, texts.length)
    assert.isUndefined(({} as { readonly polluted?: boolean }).polluted)
  })
})
