import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Validation from "../../../layers/Validation/SchemaValidator.ts"
import { SchemaValidator } from "../../../src/configuration/SchemaValidator.ts"

const patient = Validation.layer()
const strict = Validation.layer({ limit: "2 seconds", patience: "30 seconds" })

const validate = (schema: unknown, value: unknown) =>
  Effect.flatMap(SchemaValidator, (validator) => validator.validate(schema, value))

const user = {
  type: "object",
  required: ["name"],
  properties: { name: { type: "string", format: "email" }, age: { $ref: "#/$defs/age" } },
  additionalProperties: false,
  $defs: { age: { type: "integer", minimum: 0 } }
}
const catastrophic = { title: "slow-one", type: "string", pattern: "^(a+)+$" }
const attack = `${"a".repeat(40)}!`

describe("SchemaValidator", () => {
  it.live("accepts a value that fits and names the path of one that does not", () =>
    Effect.gen(function* () {
      yield* validate(user, { name: "a@b.example", age: 3 })
      const wrong = yield* Effect.flip(validate(user, { name: "a@b.example", age: -1 }))
      const extra = yield* Effect.flip(validate(user, { name: "a@b.example", other: 1 }))
      const format = yield* Effect.flip(validate(user, { name: "nobody" }))
      const never = yield* Effect.flip(validate(false, 1))

      assert.strictEqual(wrong.name, "SchemaViolation")
      assert.include(wrong.message, "/age must be >= 0")
      assert.deepStrictEqual(wrong.details, { path: "/age" })
      assert.include(extra.message, '"other"')
      assert.include(format.message, "email")
      assert.strictEqual(never.name, "SchemaViolation")
    }).pipe(Effect.provide(patient))
  )

  it.live("refuses schemas that can't be compiled, and keeps working", () =>
    Effect.gen(function* () {
      for (const schema of [
        { type: "nonsense" },
        { $ref: "https://example.com/x.json" },
        { $ref: "#/$defs/none" },
        { pattern: "(" },
        7
      ]) {
        const error = yield* Effect.flip(validate(schema, "x"))
        assert.strictEqual(error.name, "InvalidSchema")
      }
      yield* validate({ $id: "one", type: "number" }, 1)
      yield* validate({ $id: "one", type: "string" }, "two schemas may share an $id")
    }).pipe(Effect.provide(patient))
  )

  it.live("S1 S3 stops a catastrophic pattern, names the schema and goes on with a new worker", () =>
    Effect.gen(function* () {
      const [slow, innocent] = yield* Effect.all(
        [Effect.flip(validate(catastrophic, attack)), Effect.exit(validate({ type: "number" }, 1))],
        { concurrency: "unbounded" }
      )
      yield* validate(catastrophic, "aaa")

      assert.strictEqual(slow.name, "InvalidSchema")
      assert.include(slow.message, "slow-one")
      assert.include(slow.message, "too slow")
      assert.strictEqual(innocent._tag, "Success") // S2
    }).pipe(Effect.provide(strict))
  )

  it.live("S2 does not make one publisher's interruption another's error", () =>
    Effect.gen(function* () {
      const interrupted = yield* Effect.raceFirst(
        validate(catastrophic, attack).pipe(Effect.as("done")),
        Effect.yieldNow.pipe(Effect.as("first"))
      )
      yield* validate({ type: "number" }, 1)

      assert.strictEqual(interrupted, "first")
    }).pipe(Effect.provide(strict))
  )

  it.live("keeps up with more schemas than it keeps compiled", () =>
    Effect.gen(function* () {
      for (let index = 0; index < 300; index++) yield* validate({ const: index }, index)
      const error = yield* Effect.flip(validate({ const: 0 }, 1))

      assert.strictEqual(error.name, "SchemaViolation")
    }).pipe(Effect.provide(Layer.fresh(patient)))
  )
})
