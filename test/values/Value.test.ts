import { assert, describe, it, onTestFinished } from "@effect/vitest"
import { Result, Schema } from "effect"
import { VALUE_BYTES } from "../../src/values/Limits.ts"
import { secretsIn } from "../../src/values/Secrets.ts"
import { DEPTH } from "../../src/values/Structure.ts"
import { isNumber, read } from "../../src/values/Value.ts"
import { ValueType } from "../../src/values/ValueType.ts"
import { jsonOfYaml, jsonOfYamlFile } from "../../src/values/Yaml.ts"

/** What is stored is read again. */
const parse = (type: ValueType, text: string) => Result.map(read(type, text, { stored: true }), ({ json }) => json)
const reason = (type: ValueType, text: string): string => {
  const result = read(type, text)
  return Result.isFailure(result) ? result.failure : assert.fail(`accepted ${text.slice(0, 80)}`)
}
const value = (type: ValueType, text: string): Schema.Json => {
  const result = parse(type, text)
  return Result.isSuccess(result) ? result.success : assert.fail(result.failure)
}
const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth)

describe("Value", () => {
  it("reads each type", () => {
    assert.strictEqual(value("string", ""), "")
    assert.strictEqual(value("boolean", "true"), true)
    assert.strictEqual(value("number", "-1.5e3"), -1500)
    assert.deepStrictEqual(value("json", '{"a":[1,null]}'), { a: [1, null] })
    assert.deepStrictEqual(value("yaml", "a:\n  - 1\n  - x: y\n"), { a: [1, { x: "y" }] })
    assert.deepStrictEqual(value("yaml", ""), null)
  })

  it("V2 takes only finite numbers as JSON writes them", () => {
    for (const text of ["NaN", "Infinity", "1e999", "0x10", " 1", "1 ", "01", "+1", ".5", "1.", "", "1_000"]) {
      assert.include(reason("number", text), "finite number")
      assert.isFalse(isNumber(text))
    }
    assert.include(reason("json", '{"1e9999":[1,-1e999]}'), "not finite: -1e999")
    assert.include(reason("yaml", "a: .inf"), "not finite")
  })

  it("takes only true and false as boolean", () => {
    for (const text of ["True", "1", "yes", ""]) assert.include(reason("boolean", text), "neither true nor false")
  })

  it("V1 refuses keys that touch prototypes, wherever they are", () => {
    for (const key of ["__proto__", "constructor", "prototype"]) {
      assert.include(reason("json", `{"a":[{"${key}":{"x":1}}]}`), key)
      assert.include(reason("yaml", `a:\n  - ${key}: {x: 1}\n`), key)
    }
    assert.include(reason("json", '{"\\u005f_proto__":1}'), "__proto__")
    assert.strictEqual(({} as { x?: number }).x, undefined)
  })

  it("V1 refuses what is nested too deep, without exhausting the stack", () => {
    assert.isTrue(Result.isSuccess(parse("json", nested(DEPTH))))
    assert.include(reason("json", nested(DEPTH + 1)), "levels deep")
    assert.include(reason("json", nested(500_000)), "levels deep")
    assert.include(reason("yaml", nested(DEPTH + 1)), "levels deep")
    assert.match(reason("yaml", "[".repeat(100_000)), /nested too deep|not YAML/)
  })

  it("V1 refuses what is too large, counted in bytes", () => {
    assert.include(reason("string", "x".repeat(5 * 1024 * 1024)), "larger than")
    assert.include(reason("string", "é".repeat(VALUE_BYTES / 2 + 1)), "larger than")
    assert.strictEqual(value("string", "é".repeat(VALUE_BYTES / 2)), "é".repeat(VALUE_BYTES / 2))
  })

  it("V1 refuses unpaired surrogates and NUL", () => {
    assert.include(reason("string", "a\ud800"), "surrogate")
    assert.include(reason("json", '"\\ud800"'), "surrogate")
    assert.include(reason("json", '{"\\udc00":1}'), "surrogate")
    assert.include(reason("string", "a\u0000b"), "NUL")
  })

  it("Y1 refuses YAML that is slow to read, before reading it", () => {
    assert.include(reason("yaml", "? ".repeat(20_000)), "explicit keys")
    assert.include(reason("yaml", "- ".repeat(20_000)), "15 collections")
    assert.include(reason("yaml", "a: 1\n".repeat(100_000)), "at most")
  })

  it("Y2 refuses multiplying aliases, keys that appear twice, and tags", () => {
    const bomb = ["a: &a [1,1,1,1,1,1,1,1,1]", "b: &b [*a,*a,*a,*a,*a,*a,*a]", "c: [*b,*b,*b,*b,*b,*b,*b]"].join("\n")
    assert.include(reason("yaml", bomb), "aliases")
    assert.deepStrictEqual(value("yaml", "a: &a [1]\nb: *a"), { a: [1], b: [1] })
    assert.include(reason("yaml", "a: 1\na: 2"), "appears twice")
    assert.include(reason("yaml", "a: !!js/function 'x'"), "not YAML that JSON can express")
    assert.include(reason("yaml", "a: 1\n---\nb: 2"), "not YAML that JSON can express")
  })

  it("V2 takes secret references in their one shape and finds them", () => {
    const text = '{"db":{"password":{"$secret":"db.password"}},"all":[{"$secret":"a"},{"$secret":"db.password"}]}'
    assert.deepStrictEqual(secretsIn(value("json", text)), ["a", "db.password"])
    for (const bad of ['{"$secret":1}', '{"$secret":"a","x":1}', '{"$secret":"not a key"}', '{"$secret":""}']) {
      assert.include(reason("json", bad), "$secret is reserved")
    }
    assert.deepStrictEqual(secretsIn({ a: "$secret" }), [])
  })

  it("V5 refuses a name that appears twice, and reads what was stored before it did", () => {
    assert.include(reason("json", '{"a":{"b":1,"\\u0062":2}}'), 'the name "b" appears twice in one object')
    assert.deepStrictEqual(value("json", '{"a":1,"a":2}'), { a: 2 })
    assert.isTrue(Result.isSuccess(read("json", '{"a":1,"a":2}', { stored: true })))
    assert.isTrue(Result.isSuccess(read("string", '{"a":1,"a":2}')))
  })

  it("V5 tells which numbers JavaScript does not hold", () => {
    const inexact = (type: ValueType, text: string) => {
      const found = read(type, text)
      return Result.isSuccess(found) ? [...(found.success.inexact ?? [])] : assert.fail(found.failure)
    }
    assert.deepStrictEqual(inexact("json", '{"a":[1.10,9007199254740993]}'), [["/a/1", "9007199254740993"]])
    assert.deepStrictEqual(inexact("number", "0.12345678901234567890"), [["", "0.12345678901234567890"]])
    assert.deepStrictEqual(inexact("yaml", "a: 9007199254740993\nb: 0x20000000000001"), [
      ["/a", "9007199254740993"],
      ["/b", "9007199254740993"]
    ])
    assert.deepStrictEqual(inexact("string", "9007199254740993"), [])
    assert.deepStrictEqual(inexact("json", "[1.5,-0,1e5]"), [])
  })

  it("V5 says that a byte order mark is in the way", () => {
    assert.include(reason("json", "\ufeff{}"), "byte order mark")
    assert.strictEqual(value("string", "\ufeffx\r\n"), "\ufeffx\r\n")
  })

  it("Y3 reads YAML's numbers and maps as they are written, and merges", () => {
    const json = (text: string) => {
      const result = jsonOfYaml(text)
      return Result.isSuccess(result) ? result.success : assert.fail(result.failure)
    }
    assert.strictEqual(
      json("10: 1.10\n2: 9007199254740993\na: .5\nb: +5.\nc: 0o17\nd: 012"),
      '{"10":1.10,"2":9007199254740993,"a":0.5,"b":5,"c":15,"d":12}'
    )
    assert.strictEqual(json("a: [~, True, '1.0', !!str 5, yes, -0]"), '{"a":[null,true,"1.0","5","yes",-0]}')
    const base = "base: &base { timeout: 5, retries: 3 }\n"
    assert.strictEqual(
      json(`${base}use:\n  <<: *base\n  retries: 9`),
      '{"base":{"timeout":5,"retries":3},"use":{"timeout":5,"retries":9}}'
    )
    assert.strictEqual(json("a: { <<: [{ x: 1 }, { x: 2, y: 2 }], z: 3 }"), '{"a":{"x":1,"y":2,"z":3}}')
    assert.strictEqual(json('a: { "<<": 1 }'), '{"a":{"<<":1}}')
    assert.include(reason("yaml", "a: { <<: 1 }"), "<< merges a map")
    assert.include(reason("yaml", "a: &a [*a]"), "aliases")
    assert.include(reason("yaml", "a: *b"), "b")
  })

  it("Y3 a file's numbers are written as JSON writes them, or refused", () => {
    for (const text of ["0x1F", "+5", ".5", "012", "5.", "0o17", ".inf", ".nan", "-.inf"]) {
      const result = jsonOfYamlFile(`a: ${text}`)
      assert.match(Result.isFailure(result) ? result.failure : "accepted", /JSON writes the number|not finite/, text)
    }
    assert.deepStrictEqual(jsonOfYamlFile("a: [1.10, -0, 1E5, '0x1F']"), Result.succeed('{"a":[1.10,-0,1E5,"0x1F"]}'))
  })

  const Pieces = Schema.Array(
    Schema.Literals([
      "a",
      ":",
      " ",
      "\n",
      "- ",
      "? ",
      "{",
      "}",
      "[",
      "]",
      '"',
      "'",
      "\\",
      "&a",
      "*a",
      "1",
      "\ud800",
      "\u0000",
      "true",
      "{{",
      "é",
      "#"
    ])
  )

  it.prop(
    "V3 every refusal has a reason, and nothing throws",
    [ValueType, Pieces, Schema.String],
    ([type, pieces, text]) => {
      for (const one of [pieces.join(""), text]) {
        const result = parse(type, one)
        assert.isTrue(Result.isSuccess(result) || result.failure.length > 0)
      }
    },
    { arbitrary: { runs: 500 } }
  )

  it.prop(
    "reads what JSON.stringify wrote",
    [Schema.Json],
    ([json]) => {
      const text = JSON.stringify(json)
      const result = parse("json", text)
      if (Result.isSuccess(result)) assert.deepStrictEqual(result.success, JSON.parse(text))
      else assert.match(result.failure, /is not allowed|surrogate|reserved/)
    },
    { arbitrary: { runs: 300 } }
  )

  it("Y1 refuses what is nothing but errors, and says where the first is", () => {
    const { stackTraceLimit } = Error
    onTestFinished(() => void (Error.stackTraceLimit = stackTraceLimit))
    Error.stackTraceLimit = 0 // as in a worker thread
    for (const text of ["}".repeat(262_144), `a: 1\n${"}\n".repeat(131_000)}`, "[1]]".repeat(65_536)]) {
      const result = parse("yaml", text)
      assert.isTrue(Result.isFailure(result))
    }
    const placed = parse("yaml", "a: 1\nb: }")
    assert.include(Result.isFailure(placed) ? placed.failure : "", "line 2, column 4")
  })
})
