import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as MemoryCache from "../../../../layers/Memory/configuration/Cache.ts"
import { Cache } from "../../../../src/configuration/Cache.ts"
import { shared } from "../../../support/Configuration.ts"

/** Costs 500 + 2 × (1 + 249) = 1,000 bytes. */
const kilo = (key: string, revision = 1) => shared(key, revision, { value: "x".repeat(249) })
const held = (keys: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const cache = yield* Cache
    const found: Array<string> = []
    for (const key of keys) if (cache.get("production", key) !== undefined) found.push(key)
    return found.join("")
  })

describe("Cache", () => {
  it.effect("M1 beyond its bytes the least recently used go first", () =>
    Effect.gen(function* () {
      const cache = yield* Cache
      for (const key of ["a", "b", "c"]) cache.setIfNewer(kilo(key))
      cache.get("production", "a")
      cache.setIfNewer(kilo("d"))

      assert.strictEqual(yield* held(["a", "b", "c", "d"]), "acd")
    }).pipe(Effect.provide(MemoryCache.layer({ maxBytes: 3_000 })))
  )

  it.effect("M1 a value larger than everything is not kept, and pushes nothing out", () =>
    Effect.gen(function* () {
      const cache = yield* Cache
      cache.setIfNewer(kilo("a"))
      cache.setIfNewer(shared("b", 1, { value: "x".repeat(2_000) }))

      assert.strictEqual(yield* held(["a", "b"]), "a")
    }).pipe(Effect.provide(MemoryCache.layer({ maxBytes: 3_000 })))
  )

  it.effect("M1 a value that grew and became too large is not answered with its older revision", () =>
    Effect.gen(function* () {
      const cache = yield* Cache
      cache.setIfNewer(kilo("a"))
      cache.setIfNewer(shared("a", 2, { value: "x".repeat(2_000) }))

      assert.strictEqual(yield* held(["a"]), "")
    }).pipe(Effect.provide(MemoryCache.layer({ maxBytes: 3_000 })))
  )

  it.effect("M1 schemas count, and what was replaced or forgotten counts no more", () =>
    Effect.gen(function* () {
      const cache = yield* Cache
      for (let revision = 1; revision <= 100; revision++) cache.setIfNewer(kilo("a", revision))
      cache.setIfNewer(kilo("b"))
      cache.setIfNewer(kilo("c"))
      const three = yield* held(["a", "b", "c"])
      cache.clear()
      const none = yield* held(["a", "b", "c"])
      for (const key of ["a", "b", "c"]) cache.setIfNewer(kilo(key))
      const again = yield* held(["a", "b", "c"])
      cache.setIfNewer(shared("s", 1, { schema: { description: "x".repeat(800) } }))

      assert.deepStrictEqual([three, none, again], ["abc", "", "abc"])
      assert.strictEqual(yield* held(["a", "b", "c", "s"]), "s")
    }).pipe(Effect.provide(MemoryCache.layer({ maxBytes: 3_000 })))
  )

  it.effect("M2 an older revision never replaces a newer one; environments do not mix", () =>
    Effect.gen(function* () {
      const cache = yield* Cache
      cache.setIfNewer(shared("a", 2, { value: "new" }))
      cache.setIfNewer(shared("a", 1, { value: "old" }))
      cache.setIfNewer(shared("a", 2, { value: "same revision" }))
      cache.setIfNewer(shared("a", 1, { value: "other", environment: "staging" }))

      assert.strictEqual(cache.get("production", "a")?.configuration.value, "new")
      assert.strictEqual(cache.get("staging", "a")?.configuration.value, "other")
    }).pipe(Effect.provide(MemoryCache.layer({ maxBytes: 3_000 })))
  )

  it.effect("M2 of another epoch whatever comes replaces what is there, and is told with its epoch", () =>
    Effect.gen(function* () {
      const cache = yield* Cache
      cache.setIfNewer(shared("a", 9, { value: "lost" }))
      cache.setIfNewer(shared("a", 2, { value: "new" }, "e2"))

      assert.deepStrictEqual(cache.get("production", "a"), shared("a", 2, { value: "new" }, "e2"))
    }).pipe(Effect.provide(MemoryCache.layer({ maxBytes: 3_000 })))
  )
})
