import { assert, it, vi } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import { digestOfDocument, FlagDocument, ROOM, type Written } from "../../src/flags/FlagDocument.ts"
import { Slices } from "../../src/work/Slices.ts"

/** Flags whose export is a number, which takes `work` milliseconds by a clock that stands still otherwise. */
const world = (count: number, work = 0) => {
  let millis = 0
  const now = vi.spyOn(performance, "now").mockImplementation(() => millis)
  const flags = new Map(Array.from({ length: count }, (_, n) => [`f${String(n).padStart(4, "0")}`, "0"]))
  let [exports, inTurn, most, turning] = [0, 0, 0, true]
  const turn = () => {
    inTurn = 0
    if (turning) setImmediate(turn)
  }
  turn()
  const document = new FlagDocument({
    keys: () => [...flags.keys()].sort(),
    exported: (key) => {
      exports++
      millis += work
      most = Math.max(most, ++inTurn)
      return flags.get(key)
    },
    slices: new Slices()
  })
  const set = (value: string | undefined, ...keys: ReadonlyArray<string>) => {
    for (const key of keys) {
      if (value === undefined) flags.delete(key)
      else flags.set(key, value)
    }
    document.outdated(keys)
  }
  const end = Effect.sync(() => {
    turning = false
    now.mockRestore()
  })
  return { flags, document, set, exports: () => exports, most: () => most, end }
}
const flagsOf = ({ json }: Written): Record<string, unknown> => JSON.parse(json.toString()).flags
const aTurn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

it.live("FY1 is written once for all who ask, and anew only of what changed", () => {
  const { document, set, exports, end } = world(100)
  return Effect.gen(function* () {
    const [first, same] = yield* Effect.all([document.newest, document.newest], { concurrency: "unbounded" })
    assert.strictEqual(first, same)
    assert.strictEqual(yield* document.newest, first)
    assert.strictEqual(exports(), 100)
    set("1", "f0007", "g")
    const next = yield* document.newest
    assert.deepStrictEqual([exports(), flagsOf(next)["f0007"], flagsOf(next)["g"]], [102, 1, 1])
    set(undefined, "f0000", "f0001")
    assert.deepStrictEqual(Object.keys(flagsOf(yield* document.newest)).length, 99)
    assert.strictEqual(exports(), 102)
    document.outdated(undefined)
    yield* document.newest
    assert.strictEqual(exports(), 201)
  }).pipe(Effect.ensuring(end))
})

it.live("FY1 is JSON in UTF-8, with room for a frame around it, whatever is in it or missing", () => {
  const { flags, document, end } = world(0)
  return Effect.gen(function* () {
    assert.strictEqual((yield* document.newest).json.toString(), '{"flags":{}}')
    for (const [key, value] of [
      ["a", '"é😀\u2028"'],
      ["b", undefined],
      ["c", "{}"]
    ] as const)
      flags.set(key, value as string)
    document.outdated(["a", "b", "c"])
    const { json } = yield* document.newest
    assert.deepStrictEqual(JSON.parse(json.toString()), { flags: { a: "é😀\u2028", c: {} } })
    assert.deepStrictEqual([json.byteOffset, json.buffer.byteLength], [ROOM, json.length + 2 * ROOM])
  }).pipe(Effect.ensuring(end))
})

it.live("FY2 writing and telling documents apart take a few milliseconds of a turn of the event loop", () => {
  const { document, most, end } = world(500, 5)
  return Effect.gen(function* () {
    const written = yield* document.newest
    assert.strictEqual(Object.keys(flagsOf(written)).length, 500)
    assert.isAtMost(most(), 4)
    const digest = yield* digestOfDocument(written, digestOf, new Slices())
    assert.strictEqual(yield* digestOfDocument({ ...written }, digestOf, new Slices()), digest)
  }).pipe(Effect.ensuring(end))
})

it.live(
  "FY3 what changes while it is written is in it whole, or in the next one; who asked after a change has it",
  () => {
    const { document, set, end } = world(200, 5)
    return Effect.gen(function* () {
      const before = yield* Effect.forkChild(document.newest)
      yield* aTurn
      set("1", "f0000", "f0199") // one of them is exported already
      const after = yield* Effect.forkChild(document.newest)
      for (const fiber of [before, after]) {
        const found = flagsOf(yield* Fiber.join(fiber))
        assert.strictEqual(found["f0000"], found["f0199"])
      }
      assert.strictEqual(flagsOf(yield* Fiber.join(after))["f0000"], 1)
    }).pipe(Effect.ensuring(end))
  }
)

it.live("FY3 flags that change all the time keep nobody from a document", () => {
  const { document, set, end } = world(200, 1)
  return Effect.gen(function* () {
    yield* document.newest
    let value = 0
    const changing = yield* Effect.forkChild(
      Effect.forever(
        Effect.andThen(
          aTurn,
          Effect.sync(() => set(String(++value), `f${String(value % 200).padStart(4, "0")}`))
        )
      )
    )
    for (let n = 0; n < 20; n++) {
      const asked = value
      const found = Object.values(flagsOf(yield* document.newest)).map(Number)
      assert.isAtLeast(Math.max(...found), asked)
      yield* aTurn
    }
    yield* Fiber.interrupt(changing)
  }).pipe(Effect.ensuring(end))
})

it.live("FY3 who leaves while it writes leaves it to the next", () => {
  const { document, end } = world(200, 5)
  return Effect.gen(function* () {
    const first = yield* Effect.forkChild(document.newest)
    const second = yield* Effect.forkChild(document.newest)
    yield* aTurn
    yield* Fiber.interrupt(first)
    assert.strictEqual(Object.keys(flagsOf(yield* Fiber.join(second))).length, 200)
  }).pipe(Effect.ensuring(end))
})
