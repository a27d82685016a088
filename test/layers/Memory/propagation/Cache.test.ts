import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as MemoryCache from "../../../../layers/Memory/propagation/Cache.ts"
import { Cache } from "../../../../src/propagation/Cache.ts"
import { shared } from "../../../support/Configuration.ts"

/** Costs 500 + 2 × (1 + 249) = 1,000 bytes. */
const kilo = (key: string, revision = 1) => shared(key, revision, { value: "x".repeat(249) })
const held = (keys: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const cache = yield* Cache
    const found: Array<string> = []
    for (const key of keys) if ((yield* cache.get("production", key)) !== undefined) found.push(key)
    return found.join("")
  })

describe("Cache", () => {
  it.effect("M1 beyond its bytes the least recently used go first", () =>
    Effect.gen(function* () {
      const cache = yield* Cache
      for (const key of ["a", "b", "c"]) yield* cache.setIfNewer(kilo(key))
      yield* cache.get("production", "a")
      yield* cache.setIfNewer(kilo("d"))

      assert.strictEqual(yield* held(["a", "b", "c", "d"]), "acd")
    }).pipe(Effect.provide(MemoryCache.layer({ maxBytes: 3_000 })))
  )

  it.effect("M1 a value larger than everything is not kept, and pushes nothing out", () =>
    Effect.gen(function* () {
      const cache = yield* Cache
      yield* cache.setIfNewer(kilo("a"))
      yield* cache.setIfNewer(shared("b", 1, { value: "x".repeat(2_000) }))

      assert.strictEqual(yield* held(["a", "b"]), "a")
    }).pipe(Effect.provide(MemoryCache.layer({ maxBytes: 3_000 })))
  )

  it.effect("M1 a value that grew and became too large is not answered with its older revision", () =>
    Effect.gen(function* () {
      const cache = yield* Cache
      yield* cache.setIfNewer(kilo("a"))
      yield* cache.setIfNewer(shared("a", 2, { value: "x".repeat(2_000) }))

      assert.strictEqual(yield* held(["a"]), "")
    }).pipe(Effect.provide(MemoryCache.layer({ maxBytes: 3_000 })))
  )

  it.effect("M1 schemas count, and what was replaced or forgotten counts no more", () =>
    Effect.gen(function* () {
      const cache = yield* Cache
      for (let revision = 1; revision <= 100; revision++) yield* cache.setIfNewer(kilo("a", revision))
      yield* cache.setIfNewer(kilo("b"))
      yield* cache.setIfNewer(kilo("c"))
      const three = yield* held(["a", "b", "c"])
      yield* cache.clear
      const none = yield* held(["a", "b", "c"])
      for (const key of ["a", "b", "c"]) yield* cache.setIfNewer(kilo(key))
      const again = yield* held(["a", "b", "c"])
      yield* cache.setIfNewer(shared("s", 1, { schema: { description: "x".repeat(800) } }))

      assert.deepStrictEqual([three, none, again], ["abc", "", "abc"])
      assert.strictEqual(yield* held(["a", "b", "c", "s"]), "s")
    }).pipe(Effect.provide(MemoryCache.layer({ maxBytes: 3_000 })))
  )

  it.effect("M2 an older revision never replaces a newer one; environments do not mix", () =>
    Effect.gen(function* () {
      const cache = yield* Cache
      yield* cache.setIfNewer(shared("a", 2, { value: "new" }))
      yield* cache.setIfNewer(shared("a", 1, { value: "old" }))
      yield* cache.setIfNewer(shared("a", 2, { value: "same revision" }))
      yield* cache.setIfNewer(shared("a", 1, { value: "other", environment: "staging" }))

      assert.strictEqual((yield* cache.get("production", "a"))?.configuration.value, "new")
      assert.strictEqual((yield* cache.get("staging", "a"))?.configuration.value, "other")
    }).pipe(Effect.provide(MemoryCache.layer({ maxBytes: 3_000 })))
  )

  it.effect("M2 of another epoch whatever comes replaces what is there, and is told with its epoch", () =>
    Effect.gen(function* () {
      const cache = yield* Cache
      yield* cache.setIfNewer(shared("a", 9, { value: "lost" }))
      yield* cache.setIfNewer(shared("a", 2, { value: "new" }, "e2"))

      assert.deepStrictEqual(yield* cache.get("production", "a"), shared("a", 2, { value: "new" }, "e2"))
    }).pipe(Effect.provide(MemoryCache.layer({ maxBytes: 3_000 })))
  )
})
