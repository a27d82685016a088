/** What is checked before a release is committed. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Condition } from "../../src/configuration/Condition.ts"
import { Configurations } from "../../src/configuration/Configurations.ts"
import type { Draft } from "../../src/configuration/Draft.ts"
import { draft, on, publish } from "./Harness.ts"

const get = (key = "app", consistency: "strong" | "cached" = "strong") =>
  Effect.flatMap(Configurations, (configurations) => configurations.get("production", key, consistency))

describe("publishing", () => {
  it.effect("F3 refuses bad input with its own error, and commits nothing", () =>
    Effect.gen(function* () {
      const cases = [
        ["InvalidValue", [draft("{")]],
        ["InvalidValue", [draft('{"__proto__":1}')]],
        ["InvalidValue", [draft("7x", { type: "number" })]],
        ["InvalidValue", [draft("a\u0000", { type: "string" })]],
        ["InvalidValue", [draft('{"$secret":7}')]],
        ["TooLarge", [draft("x".repeat(5 * 1024 * 1024), { type: "string" })]],
        ["InvalidKey", [draft("1", { key: "a\u0007b" })]],
        ["InvalidKey", [draft("1", { key: "k".repeat(257) })]],
        ["InvalidInput", [draft("1", { environment: "no such/place" })]],
        ["InvalidInput", [draft("1"), draft("2")]],
        ["InvalidInput", [draft("1", { expectedVersion: -1 })]],
        ["NothingChanged", []],
        ["TooLarge", Array.from({ length: 501 }, (_, index) => draft("1", { key: `k${index}` }))],
        ["TooLarge", [1, 2, 3, 4, 5].map((n) => draft("x".repeat(1_000_000), { key: `k${n}`, type: "string" }))],
        ["InvalidSchema", [draft("1", { schema: { $ref: "https://example.com/s" } })]],
        ["InvalidSchema", [draft("1", { schema: { type: "nonsense" } })]],
        ["SchemaViolation", [draft("1", { schema: { type: "string" } })]],
        ["SchemaViolation", [draft("good: 1", { type: "yaml", schema: { properties: { good: { type: "boolean" } } } })]]
      ] as const
      for (const [name, drafts] of cases) assert.strictEqual((yield* Effect.flip(publish(...drafts))).name, name)
      const configurations = yield* Configurations
      const long = yield* Effect.flip(configurations.publish([draft("1")], { message: "m".repeat(2_001) }))

      assert.strictEqual(long.name, "InvalidInput")
      assert.strictEqual((yield* publish(draft("1"))).revision.revision, 1n)
      const undo = { message: "undo", expectedVersion: 2 ** 31 }
      const unexpected = yield* Effect.flip(configurations.rollback("production", "app", 1, undo))
      assert.strictEqual(unexpected.name, "InvalidInput")
    }).pipe(on())
  )

  it.effect("CV4 what a value's reader found counts for its type, and is not looked for again", () =>
    Effect.gen(function* () {
      const configurations = yield* Configurations
      const good = { type: "json", problem: undefined } as const
      const odd = yield* Effect.flip(publish(draft("{}", { found: { type: "json", problem: "it is odd" } })))
      const other = yield* Effect.flip(publish(draft("{", { found: { type: "string", problem: undefined } })))
      const broken = yield* Effect.flip(publish(draft("{}", { found: good, schema: { required: ["a"] } })))
      yield* publish(draft("read by nobody", { found: good }))
      const once = (draft: Draft) => configurations.publish([draft], { message: "why", idempotencyKey: "again" })
      yield* once(draft("{}", { found: good }))
      const again = yield* once(draft("{}"))

      assert.deepStrictEqual([odd.name, other.name, broken.name], ["InvalidValue", "InvalidValue", "SchemaViolation"])
      assert.strictEqual(odd.message, "the value of app can't be read as json: it is odd")
      assert.isTrue(again.replayed)
    }).pipe(on())
  )

  it.effect("keeps type, schema and strictness until told otherwise", () =>
    Effect.gen(function* () {
      yield* publish(draft("7", { type: "number", schema: { maximum: 10 }, strict: true }))
      const kept = yield* publish(draft("8"))
      const broken = yield* Effect.flip(publish(draft("11")))
      const freed = yield* publish(draft("11", { schema: null, strict: false }))
      const retyped = yield* publish(draft("eleven", { type: "string" }))

      const [change] = kept.revision.changes
      assert.deepStrictEqual([change?.valueType, change?.schema, change?.strict], ["number", { maximum: 10 }, true])
      assert.strictEqual(broken.name, "SchemaViolation")
      assert.deepStrictEqual([freed.revision.changes[0]?.schema, freed.revision.changes[0]?.strict], [null, false])
      assert.strictEqual(retyped.revision.changes[0]?.valueType, "string")
    }).pipe(on())
  )

  it.effect("a schema that is being set is not undone by publishes that keep what they saw", () =>
    Effect.gen(function* () {
      yield* publish(draft("1", { type: "number", schema: { maximum: 10 } }))
      const results = yield* Effect.all(
        [publish(draft("2", { schema: { maximum: 5 } })), ...[3, 4, 5].map((n) => publish(draft(String(n))))],
        { concurrency: "unbounded" }
      )
      const { configuration } = yield* get()

      assert.strictEqual(configuration.version, 1 + results.length)
      assert.deepStrictEqual(configuration.schema, { maximum: 5 })
    }).pipe(on())
  )

  it.effect("refuses an expected version that is not current", () =>
    Effect.gen(function* () {
      yield* publish(draft("1", { expectedVersion: 0 }))
      const exists = yield* Effect.flip(publish(draft("2", { expectedVersion: 0 })))
      yield* publish(draft("2", { expectedVersion: 1 }))
      const late = yield* Effect.flip(publish(draft("3", { expectedVersion: 1 })))
      const configurations = yield* Configurations
      const dry = yield* Effect.flip(configurations.validate([draft("3", { expectedVersion: 1 })]))

      assert.deepStrictEqual(
        [exists.name, late.name, dry.name],
        ["VersionConflict", "VersionConflict", "VersionConflict"]
      )
      assert.strictEqual((yield* get()).configuration.value, "2")
    }).pipe(on())
  )

  it.effect("a dry run is refused in the words of the commit, for a key that was deleted, too", () =>
    Effect.gen(function* () {
      const configurations = yield* Configurations
      yield* publish(draft("1"))
      yield* publish(draft(null))
      const cases = [
        draft("3", { expectedVersion: 1 }),
        draft(null, { expectedVersion: 1 }),
        draft(null, { expectedVersion: 0 }),
        draft(null),
        draft("3", { key: "new", expectedVersion: 1 }),
        draft(null, { key: "new" })
      ]
      for (const one of cases) {
        const { name, message, details } = yield* Effect.flip(publish(one))
        const dry = yield* Effect.flip(configurations.validate([one]))

        assert.deepStrictEqual([dry.name, dry.message, dry.details], [name, message, details])
      }
      yield* configurations.validate([
        draft("3", { expectedVersion: 2 }),
        draft("3", { key: "new", expectedVersion: 0 })
      ])
    }).pipe(on())
  )

  it.effect("CD1 CD2 a condition is about the whole version that is current; what is not there fits none", () =>
    Effect.gen(function* () {
      const configurations = yield* Configurations
      const refused = (condition: Condition, value: string | null = "9") =>
        Effect.map(Effect.flip(publish(draft(value, { condition }))), ({ name }) => name)
      const before = yield* refused({ oneOf: "anything" })
      yield* publish(draft("1", { condition: { noneOf: [{ version: 1, digest: "00" }] } }))
      const { digest } = (yield* get()).configuration
      const its = { version: 1, digest: digest.slice(0, 16) }
      const wrong = yield* refused({ oneOf: [{ version: 1, digest: "0".repeat(16) }] })
      const other = yield* refused({ oneOf: [{ ...its, version: 2 }] })
      const none = yield* refused({ oneOf: [] })
      const held = yield* refused({ noneOf: [its] })
      const dry = yield* Effect.flip(configurations.validate([draft("3", { condition: { oneOf: [] } })]))
      yield* publish(draft("2", { condition: { oneOf: [{ ...its, version: 7 }, its] } }))
      yield* publish(draft(null, { condition: { oneOf: "anything" } }))
      const deleted = yield* refused({ oneOf: "anything" }, null)
      const back = yield* Effect.flip(
        configurations.rollback("production", "app", 1, { message: "", condition: { oneOf: [its] } })
      )

      assert.deepStrictEqual(
        [before, wrong, other, none, held, dry.name, deleted, back.name],
        Array.from({ length: 8 }, () => "VersionConflict")
      )
      assert.include(dry.message, "is at version 1, content")
    }).pipe(on())
  )

  it.effect("commits a release as one revision or not at all", () =>
    Effect.gen(function* () {
      const { revision } = yield* publish(draft("1"), draft("true", { key: "app.on", type: "boolean" }))
      const failed = yield* Effect.flip(publish(draft("2"), draft("maybe", { key: "app.on" })))

      assert.strictEqual(revision.changes.length, 2)
      assert.strictEqual(failed.name, "InvalidValue")
      assert.strictEqual((yield* get()).configuration.value, "1")
    }).pipe(on())
  )

  it.effect("gives the first result again for the same idempotency key, and refuses another request with it", () =>
    Effect.gen(function* () {
      const configurations = yield* Configurations
      const once = (value: string) =>
        configurations.publish([draft(value)], { message: "why", idempotencyKey: "deploy-7" })
      const first = yield* once("1")
      const again = yield* once("1")
      const other = yield* Effect.flip(once("2"))

      assert.isFalse(first.replayed)
      assert.isTrue(again.replayed)
      assert.strictEqual(again.revision.revision, first.revision.revision)
      assert.strictEqual(other.name, "IdempotencyConflict")
    }).pipe(on())
  )
})
