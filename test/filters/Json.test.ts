import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { DEPTH, TEXT, VALUES } from "../../src/filters/JsonBytes.ts"
import { JsonFields } from "../../src/filters/JsonFields.ts"
import { wantedOf } from "../../src/filters/Wanted.ts"

const bytes = (text: string) => new TextEncoder().encode(text)
const NAMES = ["a", "b", "price", "größe", 'q"', "__proto__", "constructor", "b\\"]

const reader = (names: ReadonlyArray<string>) =>
  new JsonFields(
    new Map(
      names.map((name) => {
        const wanted = wantedOf("dyn")
        wanted.whole = true
        return [name, wanted]
      })
    )
  )

/** As JSON.parse has it, with what Maps and bounds make of it. */
const plain = (value: unknown): unknown => {
  if (value instanceof Map) {
    const found: Record<string, unknown> = Object.create(null)
    for (const [name, one] of value) found[name] = plain(one)
    return found
  }
  if (Array.isArray(value)) return value.map(plain)
  return typeof value === "bigint" ? Number(value) : value
}
const bare = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(bare)
  if (typeof value !== "object" || value === null) return value
  const found: Record<string, unknown> = Object.create(null)
  for (const name of Object.keys(value)) found[name] = bare(Object.getOwnPropertyDescriptor(value, name)!.value)
  return found
}
const depthOf = (value: unknown): number =>
  typeof value === "object" && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0

/** As a publisher may write it: blanks, escapes, names twice. */
const written = (value: unknown, blank: string, escape: boolean): string => {
  if (typeof value === "string") {
    const text = JSON.stringify(value)
    return escape ? text.replaceAll("a", "\\u0061").replaceAll("/", "\\/") : text
  }
  if (Array.isArray(value))
    return `[${blank}${value.map((one) => written(one, blank, escape)).join(`${blank},`)}${blank}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null"
  const members = Object.entries(value).map(
    ([name, one]) => `${written(name, blank, escape)}${blank}:${blank}${written(one, blank, escape)}`
  )
  return `{${blank}${members.join(`,${blank}`)}${blank}}`
}

const Json: Schema.Codec<unknown> = Schema.Union([
  Schema.String,
  Schema.Finite,
  Schema.Int,
  Schema.Boolean,
  Schema.Null,
  Schema.Array(Schema.suspend(() => Json)),
  Schema.Record(
    Schema.String,
    Schema.suspend(() => Json)
  )
])
const Payload = Schema.Array(Schema.Tuple([Schema.Literals(NAMES), Json]))

describe("JsonFields", () => {
  it.prop(
    "JX1 JX4 JX5 JX6 gives of each field what JSON.parse gives, however it is written",
    [Payload, Schema.Literals(["", " ", "\n\t "]), Schema.Boolean],
    ([members, blank, escape]) => {
      const text = `{${members.map(([name, value]) => `${written(name, blank, escape)}:${written(value, blank, escape)}`).join(",")}}`
      const expected = JSON.parse(text) as Record<string, unknown>
      const fields = reader(NAMES)
      assert.isTrue(fields.read(bytes(text)), text)
      for (const [slot, name] of NAMES.entries()) {
        const value = Object.getOwnPropertyDescriptor(expected, name)?.value
        const found = depthOf(value) > DEPTH ? undefined : bare(value)
        assert.deepStrictEqual(plain(fields.values[slot]), found, `${name} of ${text}`)
      }
    }
  )

  it.prop(
    "JX2 reads any bytes without a fault, and leaves nothing of them behind",
    [Schema.String, Schema.Int],
    ([text, cut]) => {
      const fields = reader(["a", "b"])
      for (const whole of [
        text,
        `{"a":${text}}`,
        `{"a":[1,{"b":"\\u00`,
        `{"a":1,${text}`,
        '{"a":"\\',
        '{"\\',
        "{",
        '{"a":1}x'
      ]) {
        const all = bytes(whole)
        fields.read(all.subarray(0, Math.abs(cut) % (all.length + 1)))
      }
      assert.isTrue(fields.read(bytes("{}")))
      assert.deepStrictEqual(fields.values, [undefined, undefined])
    }
  )

  it("JX1 keeps whole numbers that a double can't hold, and rounds all others as JSON.parse does", () => {
    const fields = reader(["a"])
    const of = (text: string) => {
      fields.read(bytes(`{"a":${text}}`))
      return fields.values[0]
    }
    assert.strictEqual(of("9007199254740993"), 9007199254740993n)
    assert.strictEqual(of("-9223372036854775808"), -(2n ** 63n))
    assert.strictEqual(of("9223372036854775808"), 2 ** 63)
    for (const text of [
      "0.1",
      "123456.789",
      "1e400",
      "-0",
      "0.000000000000001",
      "999999999999999.5",
      "12345678901234567.25",
      "1E-7"
    ])
      assert.strictEqual(of(text), JSON.parse(text), text)
  })

  it("JX3 what goes beyond a bound is not there, and what stands beside it is", () => {
    const fields = reader(["a", "b"])
    const of = (value: string) => {
      assert.isTrue(fields.read(bytes(`{"a":${value},"b":1}`)))
      return fields.values
    }
    const long = JSON.stringify("x".repeat(TEXT + 1))
    assert.deepStrictEqual(of(long), [undefined, 1])
    assert.deepStrictEqual(of(`[1,${long}]`), [undefined, 1])
    assert.deepStrictEqual(of("[".repeat(DEPTH + 1) + "]".repeat(DEPTH + 1)), [undefined, 1])
    assert.deepStrictEqual(of("[".repeat(100_000) + "]".repeat(100_000)), [undefined, 1])
    assert.deepStrictEqual(of(`[${"1,".repeat(VALUES)}1]`), [undefined, 1])
    assert.deepStrictEqual(of(`[${'"\\\\",'.repeat(100_000)}1]`), [undefined, 1])
  })

  it("JX3 of an object of which a few fields are wanted, no others are read", () => {
    const order = wantedOf("dyn")
    order.fields.set("id", { ...wantedOf("dyn"), whole: true })
    const fields = new JsonFields(new Map([["order", order]]))
    assert.isTrue(
      fields.read(bytes(`{"order":{"lines":${"[".repeat(50)}${"]".repeat(50)},"id":7,"n":[${"1,".repeat(5_000)}1]}}`))
    )
    assert.deepStrictEqual(fields.values, [new Map([["id", 7]])])
  })
})
