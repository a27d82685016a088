/** Many values at once: how much is made between two turns, how many pages are under way, and what they count as. */
import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { vi } from "vitest"
import { Access } from "../../../../src/access/Access.ts"
import { CurrentIdentity, type Identity, system } from "../../../../src/access/Identity.ts"
import type { Configuration } from "../../../../src/configuration/Configuration.ts"
import { Configurations } from "../../../../src/configuration/Configurations.ts"
import {
  ASKED,
  makeValuePages,
  PAGE_COST,
  PAGE_JSON,
  PART,
  pageText
} from "../../../../src/edge/http/configuration/ValuePages.ts"
import type { Values } from "../../../../src/edge/http/configuration/Wire.ts"
import { failure } from "../../../../src/errors/HeraldError.ts"
import { canonical } from "../../../../src/values/Canonical.ts"
import { Digest } from "../../../../src/values/Digest.ts"

const sha = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex")

const one = (key: string, value: string, schema: unknown = null): Configuration => ({
  kind: "configuration",
  ...{ key, environment: "production", version: 1, revision: 7n, value, valueType: "string", deleted: false, schema },
  ...{ strict: false, template: false, digest: sha(value), createdAt: 1, updatedAt: 1, updatedBy: "ann", changeLog: "" }
})
const schemaOf = (properties: number) => ({
  type: "object",
  properties: Object.fromEntries(Array.from({ length: properties }, (_, n) => [`p${n}`, { type: "string" }]))
})
/** Each has a schema of its own object, as a driver gives them. */
const many = (count: number, value: string, properties: number) =>
  Array.from({ length: count }, (_, n) => one(`k.${String(n).padStart(4, "0")}`, value, schemaOf(properties)))

/** Goes through all steps, and says how many characters of JSON the largest made. */
const stepped = (found: ReadonlyArray<Configuration>, shape = false, next?: string) => {
  const written = vi.spyOn(JSON, "stringify")
  try {
    const steps = pageText({ found, next }, shape, (schema) => sha(canonical(schema)))
    let [largest, count] = [0, 0]
    for (;;) {
      written.mockClear()
      const step = steps.next()
      const own = written.mock.results.reduce((sum, { value }) => sum + String(value).length, 0)
      largest = Math.max(largest, own)
      if (step.done === true) return { ...step.value, largest, count }
      count++
    }
  } finally {
    written.mockRestore()
  }
}

/** As the door makes them, of pages that wait until they are let go on. */
const doors = Effect.fnUntraced(function* (
  found: ReadonlyArray<Configuration>,
  spend: (identity: Identity, cost: number) => Effect.Effect<void, ReturnType<typeof failure>> = () => Effect.void
) {
  const [reading, digested]: [Array<{ readonly by: string; readonly go: Deferred.Deferred<void> }>, Array<string>] = [
    [],
    []
  ]
  const values = () =>
    Effect.flatMap(CurrentIdentity, (identity) =>
      Effect.gen(function* () {
        const go = yield* Deferred.make<void>()
        reading.push({ by: identity!.name, go })
        yield* Deferred.await(go)
        return { found, next: undefined }
      })
    )
  const page = yield* makeValuePages.pipe(
    Effect.provideService(Configurations, { values } as unknown as Configurations["Service"]),
    Effect.provideService(Access, { spend } as unknown as Access["Service"]),
    Effect.provideService(Digest, (text) => {
      digested.push(text)
      return sha(text)
    })
  )
  const ask = (by: string) =>
    Effect.forkChild(
      Effect.provideService(
        page({ environment: "production", prefix: "", limit: 1_000, after: "" }, false),
        CurrentIdentity,
        { ...system, name: by }
      ),
      { startImmediately: true }
    )
  /** Lets all pages be read, one after the other, and says how many were under way at most. */
  const through = Effect.fnUntraced(function* (pages: number) {
    let most = 0
    for (let done = 0; done < pages; ) {
      most = Math.max(most, reading.length)
      const first = reading.shift()
      if (first === undefined) yield* Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
      else {
        done++
        yield* Deferred.succeed(first.go, undefined)
      }
    }
    return most
  })
  return { ask, reading, digested, through }
})

describe("pages of values", () => {
  it("VQ2 between two turns there is a row at most, or a part of a long value", () => {
    const [rows, long] = [many(100, "v".repeat(300), 60), one("long", "\u0001".repeat(10 * PART))]
    const all = stepped([...rows, long])
    const row = JSON.stringify(rows[0]!.schema).length * 2 + 2_000
    assert.isAtMost(all.largest, Math.max(row, 6 * PART + 2_000))
    assert.isAtLeast(all.count, 110)
    assert.isAtMost(stepped(rows).largest, row)
    assert.isAtMost(stepped(rows, true).largest, row)
  })

  it("VQ2 parts of a long value are its JSON, whatever is cut where", () => {
    for (const shift of ["", "a", "ab"]) {
      const values = ["😀", '"', "\u0001", "ä\\", "\ud83d"].map((text) => shift + text.repeat(PART))
      const page = stepped(values.map((value, n) => one(`k${n}`, value.slice(0, 2 * PART + 1))))
      const { values: read } = JSON.parse(page.text) as Values
      assert.isTrue(read.every(({ value }, n) => value === values[n]!.slice(0, 2 * PART + 1)))
      assert.notInclude(page.text, "\\ude00")
    }
  })

  it("VQ2 a page has what it had: shape, schema, digest, value, next", () => {
    const found = [one("a", "1"), one("b", "2", { b: 1, a: [true] })]
    const whole = JSON.parse(stepped(found, false, "b").text) as Values
    const head = { environment: "production", version: 1, revision: 7, strict: false, template: false, type: "string" }
    const schemaDigest = sha('{"a":[true],"b":1}')
    const a = { key: "a", ...head, digest: sha("1"), schemaDigest: null }
    const b = { key: "b", ...head, digest: sha("2"), schemaDigest }
    const [c, d] = [
      { ...a, schema: null, value: "1" },
      { ...b, schema: { b: 1, a: [true] }, value: "2" }
    ]
    assert.deepEqual(whole as unknown, { values: [c, d], next: "b" })
    assert.deepEqual(JSON.parse(stepped(found, true).text), { values: [a, b], next: null })
    assert.strictEqual(stepped([]).text, '{"values":[],"next":null}')
  })

  it("VQ3 a page ends before it is more than 4 MiB of JSON and a row, and goes on after its last", () => {
    const found = Array.from({ length: 20 }, (_, n) => one(`k.${n}`, "\u0001".repeat(100_000)))
    let left = found
    const [keys, sizes]: [Array<string>, Array<number>] = [[], []]
    while (left.length > 0) {
      const { text } = stepped(left, false, undefined)
      const { values, next } = JSON.parse(text) as Values
      keys.push(...values.map(({ key }) => key))
      sizes.push(text.length)
      left = next === null ? [] : left.slice(left.findIndex(({ key }) => key === next) + 1)
    }
    assert.deepStrictEqual(
      keys,
      found.map(({ key }) => key)
    )
    assert.isAbove(sizes.length, 1)
    assert.isAtMost(Math.max(...sizes), PAGE_JSON + 601_000)
  })

  it.live("VQ1 VQ2 of sixty pages asked for at once one is under way, of two principals two, and none is refused", () =>
    Effect.gen(function* () {
      const { ask, digested, through, reading } = yield* doors(many(20, "v", 60))
      const eve = yield* Effect.forEach(Array.from({ length: 60 }), () => ask("eve"))
      assert.lengthOf(reading, 1)
      const others = [yield* ask("ann"), yield* ask("bob")]
      assert.deepStrictEqual(
        reading.map(({ by }) => by),
        ["eve", "ann"]
      )
      assert.strictEqual(yield* through(62), 2)
      const texts = yield* Effect.forEach([...eve, ...others], Fiber.join)
      assert.strictEqual(new Set(texts).size, 1)
      assert.lengthOf(digested, 1) // VQ2
    })
  )

  it.live("VQ1 what waits is bounded by principal and in all, and who leaves makes room", () =>
    Effect.gen(function* () {
      const { ask, reading, through } = yield* doors([one("a", "1")])
      const of = (by: string) => Effect.forEach(Array.from({ length: ASKED[1] }), () => ask(by))
      const eve = yield* of("eve")
      const refused = yield* Effect.flip(Fiber.join(yield* ask("eve")))
      assert.deepStrictEqual([refused.name, refused.details], ["RateLimited", { retryAfterMillis: 1_000 }])
      const rest = (yield* Effect.forEach(["a", "b", "c"], of)).flat()
      assert.strictEqual((yield* Effect.flip(Fiber.join(yield* ask("ann")))).name, "RateLimited")
      yield* Fiber.interruptAll([...eve, ...rest])
      reading.length = 0
      const last = yield* ask("eve")
      assert.strictEqual(yield* through(1), 1)
      yield* Fiber.join(last)
    })
  )

  it.live("VQ4 a page counts by what was read; what there is no room for is paid before the next is read", () =>
    Effect.gen(function* () {
      const spent: Array<number> = []
      let room = 100
      const spend = (_: Identity, cost: number) =>
        Effect.suspend(() => {
          if (cost > room) return Effect.fail(failure("RateLimited", "too much"))
          room -= cost
          spent.push(cost)
          return Effect.void
        })
      const { ask, through, reading } = yield* doors([one("a", "v".repeat(4_096 * (PAGE_COST + 90)))], spend)
      const page = Effect.fnUntraced(function* () {
        const asked = yield* ask("eve")
        yield* through(1)
        return yield* Fiber.join(asked)
      })
      yield* page()
      assert.deepStrictEqual(spent.splice(0), [91]) // and a character of its schema
      yield* page()
      assert.deepStrictEqual(spent, [])
      assert.strictEqual((yield* Effect.flip(Fiber.join(yield* ask("eve")))).name, "RateLimited")
      assert.lengthOf(reading, 0)
      room = 91
      yield* page()
      assert.deepStrictEqual(spent, [91])
    })
  )
})
