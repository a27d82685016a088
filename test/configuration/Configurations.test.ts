import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Identity } from "../../src/access/Identity.ts"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import { Configurations } from "../../src/configuration/Configurations.ts"
import type { HeraldError } from "../../src/errors/HeraldError.ts"
import { Choices, jsonText } from "../support/JsonText.ts"
import { as, client, draft, on, publish } from "./Harness.ts"

const get = (key = "app", consistency: "strong" | "cached" = "strong") =>
  Effect.flatMap(Configurations, (configurations) => configurations.get("production", key, consistency))

const viewer: Identity = { name: "eve", keyId: "k1", role: "viewer", environments: ["staging"] }

describe("Configurations", () => {
  it.effect("publishes versions that count from 1 and can be read at once", () =>
    Effect.gen(function* () {
      const first = yield* publish(draft('{"a":1}'))
      const second = yield* publish(draft('{"a":2}'))
      const strong = yield* get()
      const cached = yield* get("app", "cached")

      assert.deepStrictEqual(
        [first, second].map(({ revision }) => [revision.revision, revision.changes[0]?.version]),
        [
          [1n, 1],
          [2n, 2]
        ]
      )
      assert.strictEqual(second.revision.changes[0]?.updatedBy, "herald")
      assert.strictEqual(second.revision.changes[0]?.changeLog, "why")
      assert.match(second.revision.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/)
      assert.strictEqual(strong.configuration.value, '{"a":2}')
      assert.deepStrictEqual(cached, strong)
    }).pipe(on())
  )

  it.effect.prop(
    "V5 any JSON is stored as it was written, or refused",
    [Choices],
    ([choices]) =>
      Effect.gen(function* () {
        const text = jsonText(choices)
        for (const type of ["json", "string"] as const) {
          const result = yield* Effect.result(publish(draft(text, { key: `any.${type}`, type })))
          if (result._tag === "Failure") assert.match(result.failure.message, /can't be read|no placeholder/)
          else {
            const { configuration } = yield* get(`any.${type}`)
            assert.strictEqual(configuration.value, text)
          }
        }
      }).pipe(on()),
    { arbitrary: { runs: 60 } }
  )

  it.effect("V5 a name that is given twice is refused; what was stored with one can be rolled back to", () =>
    Effect.gen(function* () {
      const configurations = yield* Configurations
      const text = '{"a":1,"a":2}'
      const refused = yield* Effect.flip(publish(draft(text, { type: "json" })))
      yield* publish(draft(text, { type: "json", stored: true }))
      yield* publish(draft("{}"))
      yield* configurations.rollback("production", "app", 1, { message: "undo" })
      const { configuration } = yield* get()

      assert.strictEqual(refused.name, "InvalidValue")
      assert.include(refused.message, '"a" appears twice')
      assert.strictEqual(configuration.value, text)
    }).pipe(on())
  )

  it.effect("JS3 a template renders the digits of its variables", () =>
    Effect.gen(function* () {
      const configurations = yield* Configurations
      const variables = '{"price":1.10,"id":9007199254740993,"share":"C:"}'
      yield* publish(
        draft(variables, { key: "herald.variables", type: "json" }),
        draft('{"price":{{price}},"id":{{id}},"path":"{{share}}\\\\{{client.region}}"}', { type: "json" })
      )
      const { effective } = yield* configurations.explain("production", "app", { region: "eu" })

      assert.strictEqual(effective, '{"price":1.10,"id":9007199254740993,"path":"C:\\\\eu"}')
    }).pipe(on())
  )

  it.effect("PN5 whatever is committed, its entry in the audit log names the principal and the key of who asked", () =>
    Effect.gen(function* () {
      const [configurations, audit] = [yield* Configurations, yield* AuditLog]
      const by = (keyId: string) => as({ name: "ada", keyId, role: "publisher", environments: ["*"] })
      yield* publish(draft("1")).pipe(by("k1"))
      yield* publish(draft("2"), draft("2", { key: "other" })).pipe(by("k2"))
      yield* configurations.rollback("production", "app", 1, { message: "undo" }).pipe(by("k3"))
      yield* publish(draft(null)).pipe(by("k4"))
      const entries = yield* audit.read({ limit: 10 })

      assert.sameDeepMembers(
        entries.map(({ action, performedBy, details }) => [action, performedBy, details["keyId"]]),
        [
          ["publish", "ada", "k1"],
          ["release", "ada", "k2"],
          ["release", "ada", "k2"],
          ["rollback", "ada", "k3"],
          ["delete", "ada", "k4"]
        ]
      )
    }).pipe(on())
  )

  it.effect("checks who asks before anything else, for every environment of a release", () =>
    Effect.gen(function* () {
      const configurations = yield* Configurations
      const nobody = yield* Effect.flip(publish(draft("not json")).pipe(as(undefined)))
      const eve = yield* Effect.flip(publish(draft("1"), draft("1", { environment: "staging" })).pipe(as(viewer)))
      const refused = <A, R>(effect: Effect.Effect<A, HeraldError, R>) =>
        Effect.map(Effect.flip(effect.pipe(as(viewer))), (error) => error.name)
      const reads = yield* Effect.all([
        refused(get()),
        refused(configurations.history("production", "app", { limit: 1, before: undefined })),
        refused(configurations.version("production", "app", 1)),
        refused(configurations.diff("production", "app", 1, 1)),
        refused(configurations.explain("production", "app", {})),
        refused(configurations.list({ environment: "production", prefix: "", limit: 1, after: "" })),
        refused(configurations.rollback("production", "app", 1, { message: "" })),
        refused(configurations.validate([draft("1")]))
      ])

      assert.strictEqual(nobody.name, "Unauthenticated")
      assert.strictEqual(eve.name, "Forbidden")
      assert.deepStrictEqual([...new Set(reads)], ["Forbidden"])
    }).pipe(on())
  )

  it.effect("F2 rolls back with a new version equal to the old one", () =>
    Effect.gen(function* () {
      const configurations = yield* Configurations
      const back = (version: number) => configurations.rollback("production", "app", version, { message: "undo" })
      yield* publish(draft("1", { type: "number", schema: { maximum: 5 } }))
      yield* publish(draft("text", { type: "string", schema: null }))
      const { revision } = yield* back(1)
      yield* publish(draft(null))
      const gone = yield* Effect.flip(get())
      const tombstone = yield* Effect.flip(back(4))
      const unknown = yield* Effect.flip(back(9))
      yield* back(2)
      const history = yield* configurations.history("production", "app", { limit: 10, before: undefined })

      const [change] = revision.changes
      assert.deepStrictEqual(
        [change?.version, change?.value, change?.valueType, change?.schema],
        [3, "1", "number", { maximum: 5 }]
      )
      assert.strictEqual(gone.name, "NotFound")
      assert.include(gone.message, "deleted by herald in version 4")
      assert.strictEqual(tombstone.name, "InvalidInput")
      assert.include(tombstone.message, "is a deletion")
      assert.strictEqual(unknown.name, "NotFound")
      assert.deepStrictEqual(
        history.map(({ version, value, deleted }) => [version, value, deleted]),
        [
          [5, "text", false],
          [4, "", true],
          [3, "1", false],
          [2, "text", false],
          [1, "1", false]
        ]
      )
    }).pipe(on())
  )

  it.effect("validates without writing, and says what would change and for how many clients", () =>
    Effect.gen(function* () {
      const configurations = yield* Configurations
      yield* publish(draft('{"a":1}'))
      const [change] = yield* configurations.validate([draft('{"a":2}')])
      const absent = yield* Effect.flip(configurations.validate([draft(null, { key: "nothing" })]))

      assert.deepStrictEqual(change, {
        key: "app",
        environment: "production",
        difference: { kind: "json", patch: [{ op: "replace", path: "/a", value: 2 }] },
        clients: 2
      })
      assert.strictEqual(absent.name, "NotFound")
      assert.strictEqual((yield* get()).configuration.version, 1)
    }).pipe(on([client("1"), client("2")]))
  )

  it.effect("lists live keys by prefix and page, and diffs versions", () =>
    Effect.gen(function* () {
      const configurations = yield* Configurations
      for (const key of ["b", "a.2", "a.1", "a.3"]) yield* publish(draft("1", { key }))
      yield* publish(draft(null, { key: "a.2" }))
      yield* publish(draft("2", { key: "b" }))
      const keys = (prefix: string, limit: number, after: string) =>
        Effect.map(configurations.list({ environment: "production", prefix, limit, after }), (heads) =>
          heads.map((head) => head.key)
        )

      assert.deepStrictEqual(yield* keys("", 10, ""), ["a.1", "a.3", "b"])
      assert.deepStrictEqual(yield* keys("a.", 1, "a.1"), ["a.3"])
      assert.strictEqual((yield* configurations.diff("production", "b", 1, 2)).kind, "json")
      assert.strictEqual((yield* Effect.flip(configurations.diff("production", "b", 1, 9))).name, "NotFound")
    }).pipe(on())
  )

  it.effect("PB1 what a release would change is shown as far as the answer has room", () =>
    Effect.gen(function* () {
      const configurations = yield* Configurations
      const drafts = (letter: string) =>
        ["a", "b", "c", "d", "e"].map((key) => draft(letter.repeat(700_000), { key, type: "string" }))
      yield* publish(...drafts("x"))
      const found = yield* configurations.validate(drafts("y"))
      const sizes = found.map(({ difference }) => JSON.stringify(difference).length)
      assert.isTrue(sizes.slice(0, 2).every((size) => size > 1_000_000))
      assert.isTrue(sizes.slice(2).every((size) => size < 200))
    }).pipe(on())
  )
})
