/** The same contract in real threads and in the twin, then the order of jobs, which the twin shows without time. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Queue } from "effect"
import { TestClock } from "effect/testing"
import * as Validation from "../../layers/Validation/Validation.ts"
import * as Inline from "../../layers/Workers/Inline.ts"
import * as Threads from "../../layers/Workers/Threads.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import type { ValueType } from "../../src/configuration/Configuration.ts"
import type { Job } from "../../src/work/Job.ts"
import { type Heard, Threads as ThreadsPort } from "../../src/work/Threads.ts"
import { Workers, workersDefaults } from "../../src/work/Workers.ts"

const on = <A, E>(use: (workers: Workers["Service"]) => Effect.Effect<A, E>) => Effect.flatMap(Workers, use)
const json = (schema: unknown, value: unknown) =>
  on((workers) => workers.read("json", JSON.stringify(value), { schema }))
const as = (name: string) => Effect.provideService(CurrentIdentity, { ...system, name })

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
const patient = { ...workersDefaults, patience: "60 seconds" } as const

for (const [name, layer] of [
  ["in threads", threads],
  ["in the twin", twin]
] as const) {
  describe(`Workers ${name}`, () => {
    const given = Effect.provide(Layer.fresh(Workers.layer(patient).pipe(Layer.provide([layer, Validation.layer]))))

    it.live("accepts a value that fits and names the path of one that does not", () =>
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
      }).pipe(given)
    )

    it.live("SV1 compares numbers as they were written", () =>
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
      }).pipe(given)
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
          const error = yield* Effect.flip(json(schema, "x"))
          assert.strictEqual(error.name, "InvalidSchema")
        }
        yield* json({ $id: "one", type: "number" }, 1)
        yield* json({ $id: "one", type: "string" }, "two schemas may share an $id")
      }).pipe(given)
    )

    it.live("a value has only the names that are written in it, not those of JavaScript's objects", () =>
      Effect.gen(function* () {
        for (const name of ["toString", "valueOf", "hasOwnProperty", "isPrototypeOf"]) {
          const missing = yield* Effect.flip(json({ required: [name] }, {}))
          assert.strictEqual(missing.name, "SchemaViolation", name)
          yield* json({ properties: { [name]: { type: "string" } }, dependentRequired: { [name]: ["other"] } }, {})
          yield* json({ maxProperties: 0, unevaluatedProperties: false }, {})
          yield* json({ required: [name], properties: { [name]: { const: 1 } } }, { [name]: 1 })
        }
      }).pipe(given)
    )

    it.live("contains schemas that refer to themselves", () =>
      Effect.gen(function* () {
        for (const schema of [{ $ref: "#" }, { anyOf: [{ $ref: "#" }, { $ref: "#" }] }]) {
          const error = yield* Effect.flip(json(schema, {}))
          assert.strictEqual(error.name, "InvalidSchema")
        }
        const tree = { type: "object", properties: { child: { $ref: "#" } }, additionalProperties: false }
        yield* json(tree, { child: { child: {} } })
        assert.strictEqual((yield* Effect.flip(json(tree, { child: { child: 1 } }))).name, "SchemaViolation")
      }).pipe(given)
    )

    it.live("WK2 TH1 ends a thread that is too slow, names the schema and goes on with a new one", () =>
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
      }).pipe(given)
    )

    it.live("WK2 TH1 ends a thread whose memory explodes, and nothing else", () =>
      Effect.gen(function* () {
        const read = (text: string) => on((workers) => workers.read("json", text, { schema: {} }))
        const [exploded, innocent] = yield* Effect.all([Effect.flip(read(explosive)), Effect.exit(read("[1]"))], {
          concurrency: "unbounded"
        })
        yield* read("[2]")

        assert.strictEqual(exploded.name, "InvalidValue")
        assert.include(exploded.message, "memory")
        assert.strictEqual(innocent._tag, "Success")
      }).pipe(given)
    )

    it.live("WK3 does not make one asker's interruption another's error", () =>
      Effect.gen(function* () {
        const interrupted = yield* Effect.raceFirst(
          json(catastrophic, attack).pipe(Effect.as("done")),
          Effect.yieldNow.pipe(Effect.as("first"))
        )
        yield* json({ type: "number" }, 1)

        assert.strictEqual(interrupted, "first")
      }).pipe(given)
    )

    it.live("keeps up with more schemas than it keeps compiled", () =>
      Effect.gen(function* () {
        for (let index = 0; index < 300; index++) yield* json({ const: index }, index)
        const error = yield* Effect.flip(json({ const: 0 }, 1))

        assert.strictEqual(error.name, "SchemaViolation")
      }).pipe(given)
    )

    it.live("B4 carries a body small or large, and bounds what stands around its values", () =>
      Effect.gen(function* () {
        const workers = yield* Workers
        const carry = (text: string) => workers.carry(new TextEncoder().encode(text), "value")
        for (const pad of ["", " ".repeat(70_000)]) {
          const json = yield* carry(`{"value":{"n":1.10},"message":"m"}${pad}`)
          assert.deepInclude(json, { message: "m" })
          assert.include((json as { value: object }).value, { text: '{"n":1.10}', type: "json" })
          assert.strictEqual((yield* Effect.flip(carry(`{"value":${pad}`))).name, "InvalidInput")
          const bytes = Uint8Array.of(0xff, ...new TextEncoder().encode(pad))
          assert.include((yield* Effect.flip(workers.carry(bytes, "value"))).message, "UTF-8")
        }
        const many = `[${"1,".repeat(60_000)}1]`
        yield* carry(`{"value":${many}}`)
        const around = yield* Effect.flip(carry(`{"value":1,"message":${many}}`))
        assert.include(around.message, "parts around the values")
      }).pipe(given)
    )

    it.live("answers the same for small and large values", () =>
      Effect.gen(function* () {
        const workers = yield* Workers
        for (const pad of ["", " ".repeat(70_000)]) {
          const read = yield* workers.read("json", `${pad}{"a":{"$secret":"s"}}`, { want: "secrets" })
          assert.deepStrictEqual(read.secrets, ["s"])
          const flat = yield* workers.read("json", `{"a":1,"b":"x"}${pad}`, { want: "variables" })
          assert.deepStrictEqual(flat.variables, { a: "1", b: "x" })
          const nested = yield* Effect.flip(workers.read("json", `{"a":{}}${pad}`, { want: "variables" }))
          assert.strictEqual(nested.name, "InvalidValue")
          const broken = yield* Effect.flip(workers.read("json", `{"a"${pad}`))
          assert.include(broken.message, "not JSON")
          const yaml = yield* Effect.flip(workers.read("yaml", `a: }\n${pad}`))
          assert.include(yaml.message, "not YAML")
          const found = yield* workers.compare(`{"a":1}${pad}`, '{"a":2}')
          assert.deepStrictEqual(found, { kind: "json", patch: [{ op: "replace", path: "/a", value: 2 }] })
        }
      }).pipe(given)
    )
  })
}

describe("Workers", () => {
  const begun: Array<string> = []
  const began = (job: Job) => void (job.kind === "read" && begun.push(job.text))
  const bounds = { jobs: 8, bytes: 1_000_000, allJobs: 12, allBytes: 2_000_000 }
  const given = Effect.provide(
    Layer.fresh(
      Workers.layer({ ...workersDefaults, bounds }).pipe(
        Layer.provide([Inline.layer({ hangs: isSlow, began }), Validation.layer])
      )
    )
  )
  const slow = (n: number) => json({ ...catastrophic, maxLength: 99 + n }, attack)

  it.effect("WK3 FQ2 one identity's slow schemas never make another wait", () =>
    Effect.gen(function* () {
      const busy = yield* Effect.forEach([1, 2, 3, 4, 5, 6, 7, 8], (n) =>
        Effect.forkChild(Effect.flip(slow(n).pipe(as("a"))))
      )
      yield* Effect.yieldNow
      // No time passes on the test's clock: what answers has waited for nobody.
      for (let n = 0; n < 20; n++) yield* json({ type: "number" }, n).pipe(as("b"))
      for (let n = 0; n < 9; n++) yield* TestClock.adjust("1 second")
      for (const fiber of busy) assert.strictEqual((yield* Fiber.join(fiber)).name, "InvalidSchema")
    }).pipe(given)
  )

  it.effect("WK3 FQ1 two identities' slow schemas cost a third at most one of them", () =>
    Effect.gen(function* () {
      const busy = yield* Effect.forEach([1, 2, 3, 4], (n) =>
        Effect.forkChild(Effect.flip(slow(n).pipe(as(n % 2 === 0 ? "a" : "b"))))
      )
      yield* Effect.yieldNow
      const third = yield* Effect.forkChild(json({ type: "number" }, 1).pipe(as("c")))
      yield* Effect.yieldNow
      assert.isUndefined(third.pollUnsafe())
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(third)
      yield* TestClock.adjust("2 seconds")
      for (const fiber of busy) yield* Fiber.join(fiber)
    }).pipe(given)
  )

  it.effect("WK3 refuses what is more than an identity's share, and says when to come again", () =>
    Effect.gen(function* () {
      const busy = yield* Effect.forEach([1, 2, 3, 4, 5, 6, 7, 8, 9], (n) =>
        Effect.forkChild(Effect.flip(slow(n).pipe(as("a"))))
      )
      yield* Effect.yieldNow
      const refused = yield* Effect.flip(slow(10).pipe(as("a")))
      yield* json({ type: "number" }, 1).pipe(as("b"))
      yield* Effect.forEach(busy, Fiber.interrupt)

      assert.strictEqual(refused.name, "Busy")
      assert.isAbove(Number(refused.details?.["retryAfterMillis"]), 0)
    }).pipe(given)
  )

  it.effect("WK3 what waits longer than patience fails, and a job whose asker left is not begun", () =>
    Effect.gen(function* () {
      begun.length = 0
      const busy = yield* Effect.forEach([1, 2], (n) => Effect.forkChild(Effect.flip(slow(n).pipe(as(`${n}`)))))
      yield* Effect.yieldNow
      const left = yield* Effect.forkChild(json({ type: "string" }, "left").pipe(as("c")))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(left)
      yield* TestClock.adjust("2 seconds")
      yield* json({ type: "string" }, "stayed").pipe(as("c"))
      for (const fiber of busy) yield* Fiber.join(fiber)
      assert.notInclude(begun, '"left"')
      assert.include(begun, '"stayed"')

      const all = yield* Effect.forEach([1, 2, 3, 4, 5, 6, 7, 8], (n) =>
        Effect.forkChild(Effect.flip(slow(n).pipe(as("a"))))
      )
      const last = yield* Effect.forkChild(
        Effect.flip(json({ type: "string" }, "late").pipe(Effect.delay("1 second"), as("d")))
      )
      yield* Effect.forEach(all, Fiber.interrupt)
      yield* Fiber.interrupt(last)
    }).pipe(given)
  )

  it.effect("WK4 does not read a large text again that it read, for delivery", () =>
    Effect.gen(function* () {
      const workers = yield* Workers
      const text = JSON.stringify({ pad: "x".repeat(70_000) })
      begun.length = 0
      yield* workers.read("json", text, { schema: { type: "object" } })
      yield* workers.read("json", text, { stored: true })
      assert.strictEqual(begun.length, 1)
      yield* workers.read("json", text)
      yield* workers.read("string", text, { stored: true })
      assert.strictEqual(begun.length, 2)
      const broken = `${text}}`
      for (let n = 0; n < 2; n++) yield* Effect.flip(workers.read("json", broken, { stored: true }))
      assert.strictEqual(begun.length, 4)
      yield* workers.read("json", text, { want: "secrets", stored: true })
      assert.strictEqual(begun.length, 5)
    }).pipe(given)
  )

  it.live("WK1 a large value is read while others have their turn", () =>
    Effect.gen(function* () {
      const workers = yield* Workers
      let turns = 0
      const large = JSON.stringify(Array.from({ length: 100_000 }, (_, n) => ({ n })))
      const reading = yield* Effect.forkChild(workers.read("json", large.slice(0, 1_000_000)).pipe(Effect.exit))
      while (reading.pollUnsafe() === undefined) {
        yield* Effect.sleep(1)
        turns++
      }
      assert.isAbove(turns, 2)
    }).pipe(Effect.provide(Workers.layer().pipe(Layer.provide([Threads.layer(), Validation.layer]))))
  )
})

describe("Workers on a machine that is starved", () => {
  it.effect("WK2 each stage of a job may pass its limit by the clock as often as the others", () => {
    const said = Effect.runSync(Queue.unbounded<Heard>())
    const starved = Layer.succeed(ThreadsPort, {
      count: 2,
      start: Effect.succeed({
        tell: () => {},
        heard: said,
        alive: () => true,
        meter: () => Effect.succeed(1), // of CPU, however long it takes
        end: Effect.void
      })
    })
    const text = JSON.stringify({ pad: "x".repeat(70_000) })
    return Effect.gen(function* () {
      const workers = yield* Workers
      const reading = yield* Effect.forkChild(workers.read("json", text, { schema: {} }))
      yield* TestClock.adjust("42 seconds") // of 5 s each
      Queue.offerUnsafe(said, { _tag: "Entered", stage: "schema" })
      yield* TestClock.adjust("8500 millis") // of 1 s each
      assert.isUndefined(reading.pollUnsafe())
      Queue.offerUnsafe(said, { _tag: "Answered", answer: { _tag: "Read", secrets: [], variables: {} } })
      assert.strictEqual((yield* Fiber.join(reading))._tag, "Read")

      const endless = yield* Effect.forkChild(Effect.flip(workers.read("json", text, { schema: {} })))
      Queue.offerUnsafe(said, { _tag: "Entered", stage: "schema" })
      yield* TestClock.adjust("10 seconds") // and no oftener
      assert.strictEqual((yield* Fiber.join(endless)).name, "InvalidSchema")
    }).pipe(
      Effect.provide(
        Workers.layer({ ...workersDefaults, patience: "5 minutes" }).pipe(Layer.provide([starved, Validation.layer]))
      )
    )
  })
})

describe("Workers whose threads die while they have nothing to do", () => {
  it.effect("TH1 no job is given to one", () => {
    const dead = new Set<number>()
    const given: Array<number> = []
    let started = 0
    const mortal = Layer.effect(
      ThreadsPort,
      Effect.map(ThreadsPort, ({ count, start }) => ({
        count,
        start: Effect.map(start, (thread) => {
          const me = ++started
          return {
            ...thread,
            alive: () => thread.alive() && !dead.has(me),
            tell: (job: Job) => {
              given.push(me)
              if (!dead.has(me)) thread.tell(job)
            }
          }
        })
      }))
    ).pipe(Layer.provide(Inline.layer()))
    return Effect.gen(function* () {
      yield* json({ type: "number" }, 1)
      dead.add(1)
      yield* json({ type: "number" }, 2)
      yield* json({ type: "number" }, 3)

      assert.deepStrictEqual(given, [1, 2, 2])
    }).pipe(Effect.provide(Layer.fresh(Workers.layer(patient).pipe(Layer.provide([mortal, Validation.layer])))))
  })
})
