/** The same contract in real threads and in the twin, then the order of jobs, which the twin shows without time. */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Digests from "../../layers/Crypto/values/Digest.ts"
import * as Inline from "../../layers/Workers/work/Inline.ts"
import * as Threads from "../../layers/Workers/work/Threads.ts"
import type { ValueType } from "../../src/values/ValueType.ts"
import type { Job } from "../../src/work/Job.ts"
import { type Carrying, Workers, workersDefaults } from "../../src/work/Workers.ts"

const on = <A, E>(use: (workers: Workers["Service"]) => Effect.Effect<A, E>) => Effect.flatMap(Workers, use)
const json = (schema: unknown, value: unknown) =>
  on((workers) => workers.read("json", JSON.stringify(value), { schema }))

const user = {
  type: "object",
  required: ["name"],
  properties: { name: { type: "string", format: "email" }, age: { $ref: "#/$defs/age" } },
  additionalProperties: false,
  $defs: { age: { type: "integer", minimum: 0 } }
}
const catastrophic = { title: "slow-one", type: "string", pattern: "^(a+)+$" }
const attack = `${"a".repeat(40)}!`
/** Needs about forty times its size when it is read. */
const explosive = `[${"[],".repeat(320_000)}[]]`
const isSlow = (job: Job) => job.kind === "read" && job.schema?.includes("slow-one") === true && job.text.includes("!")

/** Megabytes: a thread takes up to 20 to start from sources. */
const threads = Threads.layer({ memory: 32 })
const twin = Inline.layer({ hangs: isSlow, explodes: (job) => job.kind === "read" && job.text === explosive })
const limits = { ...workersDefaults.limits, schema: "500 millis" } as const
const workers = Workers.layer({ ...workersDefaults, limits, patience: "60 seconds" })

for (const [name, its] of [
  ["in threads", threads],
  ["in the twin", twin]
] as const) {
  // Shared by the tests of a block, as by the users of a node: each leaves threads that serve the next.
  const given = Layer.provide(workers, [its, Digests.layer])
  layer(given, { excludeTestServices: true })(`Workers ${name}`, (it) => {
    it.effect("accepts a value that fits and names the path of one that does not", () =>
      Effect.gen(function* () {
        yield* json(user, { name: "a@b.example", age: 3 })
        const wrong = yield* Effect.flip(json(user, { name: "a@b.example", age: -1 }))
        const extra = yield* Effect.flip(json(user, { name: "a@b.example", other: 1 }))
        const format = yield* Effect.flip(json(user, { name: "nobody" }))
        const never = yield* Effect.flip(json(false, 1))

        assert.strictEqual(wrong.name, "SchemaViolation")
        assert.include(wrong.message, "/age must be >= 0")
        assert.deepStrictEqual(wrong.details, { path: "/age" })
        assert.include(extra.message, '"other"')
        assert.include(format.message, "email")
        assert.strictEqual(never.name, "SchemaViolation")
      })
    )

    it.effect("WK1 many texts are checked by one schema, and the first that is wrong is named", () =>
      on(({ check }) =>
        Effect.gen(function* () {
          const schema = JSON.stringify(user)
          const texts = Array.from({ length: 500 }, (_, age) => JSON.stringify({ name: "a@b.example", age }))
          assert.isUndefined(yield* check(schema, texts))
          const wrong = yield* check(schema, [...texts, '{"name":"nobody"}', "{}"])
          assert.deepInclude(wrong?.mistake, { _tag: "Violation", path: "/name" })
          assert.strictEqual(wrong?.index, 500)
          assert.strictEqual((yield* check(schema, [texts[0]!, "{"]))?.mistake._tag, "Unreadable")
          assert.strictEqual((yield* check('{"$ref":"#/nowhere"}', ["1"]))?.mistake._tag, "InvalidSchema")
        })
      )
    )

    it.effect("SV1 compares numbers as they were written", () =>
      Effect.gen(function* () {
        const check = (schema: unknown, text: string, type: ValueType = "json") =>
          on((workers) => Effect.result(workers.read(type, text, { schema }))).pipe(
            Effect.map((result) => (result._tag === "Success" ? "fits" : result.failure.message))
          )
        const cents = { multipleOf: 0.01 }
        for (const text of ["19.99", "0.07", "4.35", "1.1", "8.61", "0", "-0.01", "1e300", "123456789012345678.91"]) {
          assert.strictEqual(yield* check(cents, text, "number"), "fits", text)
        }
        for (const text of ["19.999", "0.001", "1e-300", "123456789012345678.915", `0.${"0".repeat(900)}1`]) {
          assert.include(yield* check(cents, text, "number"), "must be multiple of 0.01", text)
        }
        const big = "9007199254740993"
        assert.include(yield* check({ maximum: 9007199254740992 }, big), "must be <= 9007199254740992")
        assert.include(yield* check({ items: { exclusiveMaximum: 10 } }, "[1,10.00000000000000000]"), "/1 must be < 10")
        assert.strictEqual(yield* check({ items: { exclusiveMaximum: 10 } }, "[9.99999999999999999999]"), "fits")
        assert.strictEqual(yield* check({ exclusiveMinimum: 9007199254740992 }, big), "fits")
        assert.include(yield* check({ const: 9007199254740992 }, big), "constant")
        assert.include(yield* check({ enum: [{ a: 9007199254740992 }] }, `{"a":${big}}`), "allowed values")
        assert.strictEqual(yield* check({ uniqueItems: true }, `[9007199254740992,${big}]`), "fits")
        assert.include(yield* check({ uniqueItems: true }, `[{"a":${big}},{"a":${big}.0}]`), "duplicate items")
        assert.strictEqual(yield* check({ type: "integer" }, big, "number"), "fits")
        assert.include(yield* check({ type: "integer" }, "1.00000000000000000001"), "must be integer")
        assert.include(
          yield* check({ properties: { "a/b": { type: "integer" } } }, '{"a/b":1.00000000000000000001}'),
          "integer"
        )
        assert.include(yield* check({ properties: { a: { maximum: 1 } } }, `a: ${big}`, "yaml"), "must be <= 1")
      })
    )

    it.effect("refuses schemas that can't be compiled, and keeps working", () =>
      Effect.gen(function* () {
        for (const schema of [
          { type: "nonsense" },
          { $ref: "https://example.com/x.json" },
          { $ref: "#/$defs/none" },
          { pattern: "(" },
          7
        ]) {
          const error = yield* Effect.flip(json(schema, "x"))
          assert.strictEqual(error.name, "InvalidSchema")
        }
        yield* json({ $id: "one", type: "number" }, 1)
        yield* json({ $id: "one", type: "string" }, "two schemas may share an $id")
      })
    )

    it.effect("a value has only the names that are written in it, not those of JavaScript's objects", () =>
      Effect.gen(function* () {
        for (const name of ["toString", "valueOf", "hasOwnProperty", "isPrototypeOf"]) {
          const missing = yield* Effect.flip(json({ required: [name] }, {}))
          assert.strictEqual(missing.name, "SchemaViolation", name)
          yield* json({ properties: { [name]: { type: "string" } }, dependentRequired: { [name]: ["other"] } }, {})
          yield* json({ maxProperties: 0, unevaluatedProperties: false }, {})
          yield* json({ required: [name], properties: { [name]: { const: 1 } } }, { [name]: 1 })
        }
      })
    )

    it.effect("contains schemas that refer to themselves", () =>
      Effect.gen(function* () {
        for (const schema of [{ $ref: "#" }, { anyOf: [{ $ref: "#" }, { $ref: "#" }] }]) {
          const error = yield* Effect.flip(json(schema, {}))
          assert.strictEqual(error.name, "InvalidSchema")
        }
        const tree = { type: "object", properties: { child: { $ref: "#" } }, additionalProperties: false }
        yield* json(tree, { child: { child: {} } })
        assert.strictEqual((yield* Effect.flip(json(tree, { child: { child: 1 } }))).name, "SchemaViolation")
      })
    )

    it.effect("WK2 TH1 ends a thread that is too slow, names the schema and goes on with a new one", () =>
      Effect.gen(function* () {
        const [slow, innocent] = yield* Effect.all(
          [Effect.flip(json(catastrophic, attack)), Effect.exit(json({ type: "number" }, 1))],
          { concurrency: "unbounded" }
        )
        yield* json(catastrophic, "aaa")

        assert.strictEqual(slow.name, "InvalidSchema")
        assert.include(slow.message, "slow-one")
        assert.include(slow.message, "too slow")
        assert.strictEqual(innocent._tag, "Success")
      })
    )

    it.effect("WK2 TH1 ends a thread whose memory explodes, and nothing else", () =>
      Effect.gen(function* () {
        const read = (text: string) => on((workers) => workers.read("json", text, { schema: {} }))
        const [exploded, innocent] = yield* Effect.all([Effect.flip(read(explosive)), Effect.exit(read("[1]"))], {
          concurrency: "unbounded"
        })
        yield* read("[2]")

        assert.strictEqual(exploded.name, "InvalidValue")
        assert.include(exploded.message, "memory")
        assert.strictEqual(innocent._tag, "Success")
      })
    )

    it.effect("WK3 does not make one asker's interruption another's error", () =>
      Effect.gen(function* () {
        const interrupted = yield* Effect.raceFirst(
          json(catastrophic, attack).pipe(Effect.as("done")),
          Effect.yieldNow.pipe(Effect.as("first"))
        )
        yield* json({ type: "number" }, 1)

        assert.strictEqual(interrupted, "first")
      })
    )

    it.effect("keeps up with more schemas than it keeps compiled", () =>
      Effect.gen(function* () {
        for (let index = 0; index < 300; index++) yield* json({ const: index }, index)
        const error = yield* Effect.flip(json({ const: 0 }, 1))

        assert.strictEqual(error.name, "SchemaViolation")
      })
    )

    it.effect("B4 carries a body small or large, and bounds what stands around its values", () =>
      Effect.gen(function* () {
        const workers = yield* Workers
        const reasonOf = (found: Carrying) => (found._tag === "Unreadable" ? found.reason : "it was carried")
        const carry = (text: string) => workers.carry(new TextEncoder().encode(text), "value")
        for (const pad of ["", " ".repeat(70_000)]) {
          const carried = yield* carry(`{"value":{"n":1.10},"message":"m"}${pad}`)
          const json = carried._tag === "Carried" ? carried.json : carried.reason
          assert.deepInclude(json, { message: "m" })
          assert.include((json as { value: object }).value, { text: '{"n":1.10}', type: "json" })
          assert.strictEqual((yield* carry(`{"value":${pad}`))._tag, "Unreadable")
          const bytes = Uint8Array.of(0xff, ...new TextEncoder().encode(pad))
          assert.include(reasonOf(yield* workers.carry(bytes, "value")), "UTF-8")
        }
        const many = `[${"1,".repeat(60_000)}1]`
        assert.strictEqual((yield* carry(`{"value":${many}}`))._tag, "Carried")
        assert.include(reasonOf(yield* carry(`{"value":1,"message":${many}}`)), "parts around the values")
      })
    )

    it.effect("answers the same for small and large values", () =>
      Effect.gen(function* () {
        const workers = yield* Workers
        for (const pad of ["", " ".repeat(70_000)]) {
          const read = yield* workers.read("json", `${pad}{"a":{"$secret":"s"}}`, { want: "secrets" })
          assert.deepStrictEqual(read.secrets, ["s"])
          const object = yield* workers.read("json", `{"a":1.0,"b":"x","c":{}}${pad}`, { want: "members" })
          assert.deepStrictEqual(object.members, [
            ["a", "1.0"],
            ["b", '"x"'],
            ["c", "{}"]
          ])
          const list = yield* workers.read("json", `[1]${pad}`, { want: "members" })
          assert.isUndefined(list.members)
          const broken = yield* Effect.flip(workers.read("json", `{"a"${pad}`))
          assert.include(broken.message, "not JSON")
          const yaml = yield* Effect.flip(workers.read("yaml", `a: }\n${pad}`))
          assert.include(yaml.message, "not YAML")
          const found = yield* workers.compare(`{"a":1}${pad}`, '{"a":2}')
          assert.deepStrictEqual(found, { kind: "json", patch: [{ op: "replace", path: "/a", value: 2 }] })
        }
      })
    )
  })
}
