import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Configurations } from "../../src/configuration/Configurations.ts"
import { client, draft, on, publish, variables } from "./Harness.ts"

const eu = client("eu-1", { region: "eu" })
const nowhere = client("nowhere-1")

describe("Templates in Configurations", () => {
  it.effect("F1 refuses a variable that the environment does not define, with no client connected", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(publish(draft('{"url":"{{host}}"}')))
      yield* variables({ host: "db", port: 5432 })
      const { revision } = yield* publish(draft('{"url":"{{host}}","port":{{port}}}'))

      assert.strictEqual(error.name, "TemplateError")
      assert.include(error.message, "host")
      assert.include(error.message, "herald.variables of production")
      assert.isTrue(revision.changes[0]?.template)
    }).pipe(on())
  )

  it.effect("F1 refuses what one connected client could not render, naming variable and client", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(publish(draft('"{{client.region}}"')))

      assert.strictEqual(error.name, "TemplateError")
      assert.include(error.message, "client.region")
      assert.include(error.message, "web/nowhere-1")
      assert.deepStrictEqual(error.details?.["missing"], ["client.region"])
    }).pipe(on([eu, nowhere]))
  )

  it.effect("F1 refuses what does not read as its type for one client, and what breaks the schema once rendered", () =>
    Effect.gen(function* () {
      const number = yield* Effect.flip(publish(draft("{{client.region}}", { type: "number" })))
      const schema = { properties: { region: { enum: ["us"] } } }
      const violation = yield* Effect.flip(publish(draft('{"region":"{{client.region}}"}', { schema })))
      yield* publish(draft('{"region":"{{client.region}}"}', { schema: { properties: { region: { enum: ["eu"] } } } }))

      assert.strictEqual(number.name, "TemplateError")
      assert.strictEqual(violation.name, "SchemaViolation")
      assert.include(violation.message, "web/eu-1")
    }).pipe(on([eu]))
  )

  it.effect("checks the shape of a template that no client can render yet", () =>
    Effect.gen(function* () {
      const shape = yield* Effect.flip(publish(draft('{"a":"{{client.region}}"')))
      const malformed = yield* Effect.flip(publish(draft('"{{client region}}"')))
      const schema = yield* Effect.flip(publish(draft('"{{client.region}}"', { schema: { type: "nonsense" } })))
      yield* publish(draft('{"a":{{client.region}}}'), draft("{{client.beta}}", { key: "beta", type: "boolean" }))

      assert.deepStrictEqual(
        [shape.name, malformed.name, schema.name],
        ["TemplateError", "TemplateError", "InvalidSchema"]
      )
    }).pipe(on())
  )

  it.effect("refuses variables that are not flat, hidden or not JSON", () =>
    Effect.gen(function* () {
      for (const bad of [{ a: { b: 1 } }, { a: null }, { "client.x": "1" }, { "1a": "1" }]) {
        assert.strictEqual((yield* Effect.flip(variables(bad))).name, "InvalidValue")
      }
      const yaml = yield* Effect.flip(publish(draft("a: 1", { key: "herald.variables", type: "yaml" })))
      const { revision } = yield* variables({ text: "{{not a template}}", ok: true })

      assert.strictEqual(yaml.name, "InvalidValue")
      assert.isFalse(revision.changes[0]?.template)
    }).pipe(on())
  )

  it.effect("F1 refuses variables that would break a template, unless the release changes both", () =>
    Effect.gen(function* () {
      yield* variables({ host: "db", port: "1" })
      yield* publish(draft('{"host":"{{host}}"}'), draft("{{port}}", { key: "port", type: "number" }))
      const removed = yield* Effect.flip(variables({ port: "1" }))
      const retyped = yield* Effect.flip(variables({ host: "db", port: "many" }))
      const deleted = yield* Effect.flip(publish(draft(null, { key: "herald.variables" })))
      const both = yield* publish(
        draft('{"server":"x","port":"2"}', { key: "herald.variables" }),
        draft('{"host":"{{server}}"}')
      )

      for (const error of [removed, retyped, deleted]) {
        assert.strictEqual(error.name, "TemplateError")
        assert.include(error.message, "would break a template")
      }
      assert.strictEqual(removed.details?.["key"], "app")
      assert.strictEqual(both.revision.changes.length, 2)
    }).pipe(on())
  )

  it.effect("explains how an effective value came about", () =>
    Effect.gen(function* () {
      const configurations = yield* Configurations
      yield* variables({ host: "db" })
      yield* publish(draft('{"to":"{{host}}/{{client.region}}","password":{"$secret":"db.password"}}'))
      const explained = yield* configurations.explain("production", "app", { region: "eu" })
      const missing = yield* configurations.explain("production", "app", {})

      assert.deepStrictEqual(explained.used, [
        { name: "host", value: "db", source: "environment" },
        { name: "client.region", value: "eu", source: "client" }
      ])
      assert.strictEqual(explained.effective, '{"to":"db/eu","password":{"$secret":"db.password"}}')
      assert.deepStrictEqual(explained.secrets, ["db.password"])
      assert.deepStrictEqual(missing.missing, ["client.region"])
      assert.isUndefined(missing.effective)
    }).pipe(on())
  )
})
