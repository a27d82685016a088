import { assert, describe, it } from "@effect/vitest"
import { ManagedRuntime, Result, Schema } from "effect"
import { makeRenderer } from "../../src/configuration/Renderer.ts"
import {
  compile,
  fill,
  isTemplate,
  malformedIn,
  renderingKey,
  type Variables
} from "../../src/configuration/Template.ts"
import { makeTemplates } from "../../src/configuration/Templates.ts"
import type { ClientView } from "../../src/updates/Client.ts"
import type { ValueType } from "../../src/values/ValueType.ts"
import { workers } from "../support/workers.ts"

const client: ClientView = {
  environment: "production",
  service: "web",
  instance: "web-1",
  labels: { region: "eu", quote: '"},"admin":true,"x":{"y":"', service: "forged" }
}
const variables = { host: "db.internal", port: "5432", debug: "false", text: 'say "hi"\n' }

/** As those who get it have it rendered. */
const runtime = ManagedRuntime.make(workers())
const renderer = runtime.runSync(makeRenderer)
const render = (text: string, own: Variables, view: ClientView, type: ValueType) =>
  runtime.runSync(renderer.render(compile(text, type), own, view, type))

const rendered = (text: string, type: ValueType = "string"): string => {
  const result = render(text, variables, client, type)
  return Result.isSuccess(result) ? result.success : assert.fail(result.failure.join("; "))
}
const refused = (text: string, type: ValueType = "string", own: Record<string, string> = variables) => {
  const result = render(text, own, client, type)
  return Result.isFailure(result) ? result.failure : assert.fail(`rendered ${result.success}`)
}

describe("Template", () => {
  it("puts variables and client metadata in their places", () => {
    assert.strictEqual(rendered("{{host}}:{{ port }}"), "db.internal:5432")
    assert.strictEqual(
      rendered("{{client.service}}/{{client.instance}}@{{client.environment}}/{{client.region}}"),
      "web/web-1@production/eu"
    )
    assert.deepStrictEqual(compile("{{b}}{{a}}{{b}}{{client.x-y_z}}", "string").names, ["b", "a", "client.x-y_z"])
  })

  it("T1 names what is missing, and sees own properties only", () => {
    assert.deepStrictEqual(refused("{{nope}} {{client.nope}} {{nope}}"), ["nope", "client.nope"])
    assert.deepStrictEqual(refused("{{toString}}{{constructor}}{{__proto__}}"), [
      "toString",
      "constructor",
      "__proto__"
    ])
    assert.deepStrictEqual(refused("{{client.toString}}"), ["client.toString"])
    assert.deepStrictEqual(refused("{{host}}{{x}}"), ["x"])
    const unnamed = render("{{client.service}}", variables, { ...client, service: "" }, "string")
    assert.deepStrictEqual(unnamed, Result.fail(["client.service"]))
  })

  it("escapes \\{{ and is a template only where there is something to render", () => {
    assert.strictEqual(rendered("\\{{host}} {{host}}"), "{{host}} db.internal")
    assert.isTrue(isTemplate("\\{{host}}"))
    assert.isTrue(isTemplate("{{host}}"))
    assert.isFalse(isTemplate('{"a":{"b":{}}}'))
    assert.isFalse(isTemplate("{{ not a name }}"))
    assert.strictEqual(rendered('{"t":"\\{{x}}"}', "json"), '{"t":"{{x}}"}')
  })

  it("says where a placeholder is malformed", () => {
    assert.include(malformedIn("abc {{#each x}}"), "character 5")
    for (const text of ["{{", "{{}}", "{{1a}}", "{{a b}}", "{{a}", `{{${"a".repeat(200)}}}`])
      assert.isDefined(malformedIn(text))
    assert.isUndefined(malformedIn("{{a}} } } \\{{"))
  })

  it("T2 a value can't leave its JSON string", () => {
    assert.deepStrictEqual(JSON.parse(rendered('{"a":"<{{client.quote}}>"}', "json")), {
      a: `<${client.labels["quote"]}>`
    })
    assert.deepStrictEqual(JSON.parse(rendered('{"a\\"{{text}}":1}', "json")), { 'a"say "hi"\n': 1 })
  })

  it("T2 outside a JSON string a value is one scalar", () => {
    assert.deepStrictEqual(JSON.parse(rendered('{"p":{{port}},"d":{{debug}},"h":{{host}}}', "json")), {
      p: 5432,
      d: false,
      h: "db.internal"
    })
    assert.deepStrictEqual(JSON.parse(rendered('{"a":{{client.quote}}}', "json")), { a: client.labels["quote"] })
  })

  it("T2 a value can't change the YAML around it", () => {
    assert.strictEqual(rendered("url: http://{{host}}:{{port}}/x\n", "yaml"), "url: http://db.internal:5432/x\n")
    for (const bad of [
      "a: b",
      "x\ny: 1",
      "[1]",
      "#c",
      "&a",
      "*a",
      "'",
      '"',
      "- x",
      "---",
      "a:",
      "!t",
      "",
      "| x",
      "{a",
      "a, b"
    ]) {
      assert.include(refused("k: {{v}}", "yaml", { v: bad })[0], "could change the YAML")
    }
  })

  it("T3 reads what it rendered as its type again", () => {
    assert.include(refused("{{host}}", "number")[0], "not a valid number")
    assert.include(refused('{"{{v}}":1}', "json", { v: "__proto__" })[0], "__proto__")
    assert.include(refused("{{v}}", "string", { v: "\ud800" })[0], "surrogate")
    assert.include(refused("{{v}}{{v}}", "string", { v: "x".repeat(600_000) })[0], "larger than")
  })

  const Hostile = Schema.Union([
    Schema.String,
    Schema.Array(
      Schema.Literals(['"', "\\", "{", "}", "[", "]", ",", ":", "\n", "{{", "}}", "true", "1", "a", "\ud800", "\u2028"])
    )
  ])
  const textOf = (hostile: typeof Hostile.Type): string => (typeof hostile === "string" ? hostile : hostile.join(""))

  it.prop(
    "T2 for any values: the shape of the JSON never changes",
    [Hostile, Hostile],
    ([first, second]) => {
      const [one, two] = [textOf(first), textOf(second)]
      const result = render('{"a":"x{{one}}\\\\","b":[{{two}},"{{one}}{{two}}"]}', { one, two }, client, "json")
      if (Result.isFailure(result)) return assert.match(result.failure[0] ?? "", /surrogate|NUL/)
      const value = JSON.parse(result.success)
      assert.deepStrictEqual(Object.keys(value), ["a", "b"])
      assert.strictEqual(value.a, `x${one}\\`)
      assert.strictEqual(value.b[1], one + two)
      assert.notStrictEqual(typeof value.b[0], "object")
    },
    { arbitrary: { runs: 500 } }
  )

  it.prop("text without braces renders to itself", [Schema.String], ([text]) => {
    if (text.includes("{{") || text.includes("\u0000") || !text.isWellFormed()) return
    assert.strictEqual(rendered(text), text)
    assert.isFalse(isTemplate(text))
  })

  /** How docs/values.md says that a literal text is written in a template of type string or yaml. */
  const escaped = (literal: string, beforePlaceholder: boolean): string =>
    literal.replace(beforePlaceholder ? /\\+(?=\{|$)|\{\{/g : /\\+(?=\{)|\{\{/g, (found) =>
      found === "{{" ? "\\{{" : `{{${found}}}`
    )

  const Part = Schema.Union([
    Schema.Struct({ name: Schema.Literals(["host", "port", "client.region"]) }),
    Schema.Array(Schema.Literals(["\\", "{", "{{", "}", "}}", "a", " ", '"', "host", "{{host}}", "{{\\}}"]))
  ])
  const valuesOf: Record<string, string> = { host: "db.internal", port: "5432", "client.region": "eu" }

  it.prop(
    "T7 every text can be written, before and after any placeholder",
    [Schema.Array(Part)],
    ([parts]) => {
      const [string, json, expected] = [[], [], []] as [Array<string>, Array<string>, Array<string>]
      for (const [at, part] of parts.entries()) {
        if ("name" in part) {
          for (const text of [string, json]) text.push(`{{${part.name}}}`)
          expected.push(valuesOf[part.name] as string)
          continue
        }
        const next = parts[at + 1]
        const literal = part.join("")
        // Neighbours are one literal: split, they could make braces of each other.
        if (next !== undefined && !("name" in next)) continue
        string.push(escaped(literal, next !== undefined))
        json.push(JSON.stringify(literal).slice(1, -1).replaceAll("{{", "\\{{"))
        expected.push(literal)
      }
      const text = expected.join("")
      assert.strictEqual(rendered(string.join("")), text)
      assert.strictEqual(JSON.parse(rendered(`["${json.join("")}"]`, "json"))[0], text)
    },
    { arbitrary: { runs: 5_000 } }
  )

  it("T7 a backslash before a placeholder", () => {
    assert.strictEqual(rendered("C:\\apps{{\\}}{{client.region}}\\x"), "C:\\apps\\eu\\x")
    assert.strictEqual(rendered("p: C:\\apps{{\\}}{{client.region}}", "yaml"), "p: C:\\apps\\eu")
    assert.strictEqual(rendered("\\\\server{{\\\\}}{{host}}"), "\\\\server\\\\db.internal")
    const json = JSON.stringify({ path: "C:\\apps\\{{client.region}}" })
    assert.deepStrictEqual(JSON.parse(rendered(json, "json")), { path: "C:\\apps\\eu" })
    assert.deepStrictEqual(compile(json, "json").names, ["client.region"])
    assert.strictEqual(rendered("x{{{host}}}"), "x{db.internal}")
  })

  it("T7 what was stored before keeps its meaning: in text each backslash before braces makes them literal", () => {
    for (const [text, meaning] of [
      ["\\{{host}}", "{{host}}"],
      ["\\\\{{host}}", "\\{{host}}"],
      ["\\\\\\{{host}}", "\\\\{{host}}"]
    ] as const) {
      assert.strictEqual(rendered(text), meaning)
    }
    assert.strictEqual(rendered('{"t":"\\\\\\{{host}}"}', "json"), '{"t":"\\\\{{host}}"}')
  })

  it("T7 a text that was read as one type is read anew as another", () => {
    const text = '["\\\\{{host}}"]'
    assert.strictEqual(rendered(text), '["\\{{host}}"]')
    assert.strictEqual(rendered(text, "json"), '["\\\\db.internal"]')
    assert.strictEqual(rendered(text), '["\\{{host}}"]')
  })

  it("T4 reads a megabyte of braces", () => {
    for (const text of [
      "{".repeat(1_000_000),
      "{{a".repeat(300_000),
      "\\{{".repeat(300_000),
      "{{ ".repeat(300_000),
      `{{${"\\".repeat(1_000_000)}`,
      "\\\\{{".repeat(250_000)
    ]) {
      assert.deepStrictEqual(compile(text, "string").names, [])
    }
    assert.strictEqual(rendered("{{port}}".repeat(100_000)).length, 400_000)
  })

  it("T4 knows the size before anything is built", () => {
    const own = { a: "y".repeat(900_000), q: '"'.repeat(600_000) }
    const size = (text: string, type: ValueType) => {
      const result = fill(compile(text), type, (name) => own[name as "a"])
      return Result.isFailure(result) && result.failure.kind === "size" ? result.failure.bytes : result
    }
    assert.strictEqual(size("{{a}}".repeat(200_000), "string"), 180_000_000_000)
    assert.strictEqual(size(`["{{q}}",{{q}},"é"]`, "json"), 2 * 1_200_000 + 2 + 2 + 4 + 4)
    assert.include(refused("{{a}}".repeat(590), "string", own)[0], "it would have 531000000")
    const fits = rendered("é{{client.region}}{{client.region}}")
    assert.strictEqual(fits, "éeueu")
  })

  it("T5 reads a text once, and forgets the oldest when it is too much", () => {
    const read = makeTemplates()
    const text = "one {{host}}"
    const first = read(text, "string")
    assert.strictEqual(read(text, "string"), first)
    for (let n = 0; n < 8; n++) read(`${n} {{host}}${"x".repeat(999_000)}`, "string")
    assert.strictEqual(read(text, "string"), first)
    for (let n = 0; n < 18; n++) read(`${n} {{port}}${"x".repeat(999_000)}`, "string")
    assert.notStrictEqual(read(text, "string"), first)
    assert.notStrictEqual(makeTemplates()(text, "string"), read(text, "string"))
  })

  it("T6 tells apart what clients see, and nothing else", () => {
    const keyOf = (text: string, labels: Record<string, string>, instance = "i") =>
      renderingKey(compile(text), { environment: "e", service: "s", instance, labels })
    assert.strictEqual(keyOf("{{host}}", { a: "1" }), keyOf("{{host}}", { a: "2" }, "j"))
    assert.strictEqual(keyOf("{{client.a}}", { a: "1", b: "1" }), keyOf("{{client.a}}", { a: "1" }, "j"))
    assert.notStrictEqual(keyOf("{{client.a}}", { a: "1" }), keyOf("{{client.a}}", { a: "2" }))
    assert.notStrictEqual(keyOf("{{client.a}}", { a: "" }), keyOf("{{client.a}}", {}))
    assert.notStrictEqual(
      keyOf("{{client.a}}{{client.b}}", { a: '1","' }),
      keyOf("{{client.a}}{{client.b}}", { b: '1","' })
    )
    assert.notStrictEqual(keyOf("{{client.instance}}", {}), keyOf("{{client.instance}}", {}, "j"))
  })
})
