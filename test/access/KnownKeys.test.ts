import { assert, describe, it } from "@effect/vitest"
import { Effect, Latch, Layer } from "effect"
import { TestClock } from "effect/testing"
import { type ApiKey, ApiKeyStore } from "../../src/access/ApiKeyStore.ts"
import { makeKnownKeys } from "../../src/access/KnownKeys.ts"
import { FaultyKeys } from "../support/FaultyKeys.ts"

const key = (id: string, revokedAt: number | null = null): ApiKey => ({
  id,
  name: id,
  hash: "",
  role: "viewer",
  environments: ["*"],
  createdAt: 0,
  createdBy: "",
  expiresAt: null,
  revokedAt
})

const start = makeKnownKeys({ refreshEvery: "1 second" })
const settle = TestClock.adjust("1 millis")

describe("KnownKeys", () => {
  it.effect("KN1 it is read again every second, and costs no query in between", () => {
    const store = new FaultyKeys()
    store.keys.set("a", key("a"))
    return Effect.gen(function* () {
      const keys = yield* start
      yield* settle
      store.keys.set("a", key("a", 5))
      const before = yield* keys.find("a")
      yield* TestClock.adjust("1 second")
      const after = yield* keys.find("a")

      assert.deepStrictEqual([before?.revokedAt, after?.revokedAt], [null, 5])
      assert.strictEqual(store.lookups, 0)
    }).pipe(Effect.provide(store.layer))
  })

  it.effect("KN1 while the database is away what is known goes on counting; then it is read again", () => {
    const store = new FaultyKeys()
    store.keys.set("a", key("a"))
    return Effect.gen(function* () {
      const keys = yield* start
      yield* settle
      store.down = true
      yield* TestClock.adjust("1 minute")
      const known = yield* keys.find("a")
      const unknown = yield* Effect.flip(keys.find("b"))
      store.keys.set("b", key("b"))
      store.down = false
      yield* TestClock.adjust("1 second")
      const later = yield* keys.find("b")

      assert.strictEqual(known?.id, "a")
      assert.strictEqual(unknown.name, "DatabaseUnavailable")
      assert.strictEqual(later?.id, "b")
    }).pipe(Effect.provide(store.layer))
  })

  it.effect("KN1 a list that was on its way undoes neither a key made here nor a revocation", () => {
    const store = new FaultyKeys()
    store.keys.set("a", key("a"))
    const gate = Latch.makeUnsafe(true)
    const slow = Layer.effect(
      ApiKeyStore,
      Effect.map(ApiKeyStore, (inner) => ({ ...inner, list: Effect.tap(inner.list, () => gate.await) }))
    ).pipe(Layer.provide(store.layer))
    return Effect.gen(function* () {
      const keys = yield* start
      yield* settle
      gate.closeUnsafe()
      yield* TestClock.adjust("1 second") // the list is on its way
      keys.remember(key("b"))
      keys.revoked("a", 7)
      gate.openUnsafe()
      yield* settle
      const [a, b] = [yield* keys.find("a"), yield* keys.find("b")]

      assert.strictEqual(a?.revokedAt, 7)
      assert.strictEqual(b?.id, "b")
    }).pipe(Effect.provide(slow))
  })

  it.effect("KN2 an unknown id is looked up once a second, one that appears is found", () => {
    const store = new FaultyKeys()
    return Effect.gen(function* () {
      const keys = yield* start
      yield* settle
      for (let i = 0; i < 20; i++) yield* keys.find("x")
      const once = store.lookups
      yield* TestClock.adjust("1 second")
      yield* keys.find("x")
      const twice = store.lookups
      store.keys.set("y", key("y"))
      const found = yield* keys.find("y")

      assert.deepStrictEqual([once, twice], [1, 2])
      assert.strictEqual(found?.id, "y")
    }).pipe(Effect.provide(store.layer))
  })

  it.effect("KN2 look-ups of ids that nobody knows are limited in number, and known keys do not feel it", () => {
    const store = new FaultyKeys()
    store.keys.set("a", key("a"))
    return Effect.gen(function* () {
      const keys = yield* start
      yield* settle
      const names = new Set<string>()
      for (let i = 0; i < 500; i++) {
        const result = yield* Effect.result(keys.find(`u${i}`))
        names.add(result._tag === "Failure" ? result.failure.name : "undefined")
      }

      assert.isAtMost(store.lookups, 100)
      assert.deepStrictEqual([...names].sort(), ["RateLimited", "undefined"])
      assert.strictEqual((yield* keys.find("a"))?.id, "a")
    }).pipe(Effect.provide(store.layer))
  })
})
