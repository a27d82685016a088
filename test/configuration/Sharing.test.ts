import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Hub } from "../../layers/Memory/Hub.ts"
import type { Configuration, Head } from "../../src/configuration/Configuration.ts"
import { ConfigurationView } from "../../src/configuration/ConfigurationView.ts"
import { SharedCache } from "../../src/configuration/SharedCache.ts"
import { makeConflated } from "../../src/configuration/Sharing.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { settle } from "../support/Clock.ts"
import { shared } from "../support/Configuration.ts"
import { Faults } from "../support/Faults.ts"
import { publish } from "../support/Release.ts"
import { propagationOn } from "../support/Twins.ts"

const MIB = 1_048_576

/** A node of its own on the same database. */
const node = (faults: Faults, shares: Layer.Layer<never>) =>
  Effect.map(
    Layer.build(Layer.fresh(propagationOn(faults, { cacheBytes: 0 })).pipe(Layer.provide(shares))),
    (context) => ({
      ...Context.get(context, ConfigurationView),
      ...Context.get(context, Propagation)
    })
  )

describe("what nodes share of configurations", () => {
  it("SH1 SH2 the shared cache's backlog is bounded in bytes, too; the newest of a key, by position, waits", () => {
    const conflated = makeConflated(100, 10 * MIB)
    for (let i = 1; i <= 10; i++) conflated.put(shared(`k${i}`, i, { value: "x".repeat(MIB) }))
    assert.deepStrictEqual(
      conflated.take().map(({ configuration: { key } }) => key),
      ["k7", "k8", "k9", "k10"]
    )
    conflated.put(shared("a", 2))
    conflated.put(shared("a", 1))
    conflated.put(shared("b", 9, {}, "lost"))
    conflated.put(shared("b", 1))
    assert.deepStrictEqual(
      conflated.take().map(({ epoch, configuration: { key, revision } }) => [key, epoch, revision]),
      [
        ["a", "e1", 2n],
        ["b", "e1", 1n]
      ]
    )
    for (let i = 1; i <= 101; i++) conflated.put(shared(`k${i}`, i))
    assert.strictEqual(conflated.take().length, 100)
  })

  it.effect("SH1 SH2 while the shared cache hangs only the newest value of a key waits for it", () => {
    const faults = new Faults()
    const written: Array<bigint> = []
    let hangs = true
    const slow = Layer.succeed(
      SharedCache,
      SharedCache.of({
        get: () => Effect.undefined,
        outdate: () => undefined,
        inspect: undefined,
        setIfNewer: ({ configuration: { revision } }) =>
          Effect.gen(function* () {
            while (hangs) yield* Effect.sleep("1 millis")
            written.push(revision)
          })
      })
    )
    return Effect.gen(function* () {
      const a = yield* node(faults, slow)
      for (let i = 0; i < 2_000; i++) {
        yield* a.committed(yield* publish({ value: String(i) }, false))
        if (i === 0) yield* settle
      }
      hangs = false
      yield* settle
      yield* settle

      assert.deepStrictEqual(written, [1n, 2_000n])
    }).pipe(Effect.scoped, Effect.provide(propagationOn(faults)))
  })

  it.effect(
    "P5 a value that another node shared spares the database; an older one or another epoch's does not count",
    () => {
      const faults = new Faults()
      const hub = new Hub()
      return Effect.gen(function* () {
        const a = yield* node(faults, hub.layerSharedCache)
        const b = yield* node(faults, hub.layerSharedCache)
        const first = yield* publish({ value: "1" }, false)
        yield* a.committed(first)
        yield* b.hint(first)
        yield* settle
        assert.strictEqual((yield* b.value("production", "svc"))?.value, "1")
        assert.strictEqual(faults.loads, 0)

        const second = yield* publish({ value: "2" }, false)
        yield* b.hint(second) // the shared cache still has the first
        assert.strictEqual((yield* b.value("production", "svc"))?.value, "2")
        assert.strictEqual(faults.loads, 1)
        yield* settle
        assert.strictEqual(hub.values.get("production/svc")?.configuration.value, "2") // refilled by the reader

        for (const [id, shared] of hub.values) hub.values.set(id, { ...shared, epoch: "lost" })
        assert.strictEqual((yield* b.value("production", "svc"))?.value, "2")
        assert.strictEqual(faults.loads, 2)
      }).pipe(Effect.scoped, Effect.provide(propagationOn(faults)))
    }
  )

  it.effect("P5 of the shared cache only the head's own value counts, and what the head says is the head's", () => {
    const faults = new Faults()
    const hub = new Hub()
    return Effect.gen(function* () {
      const a = yield* node(faults, hub.layerSharedCache)
      const revision = yield* publish({ value: "genuine" }, false)
      yield* a.committed(revision)
      yield* settle
      const good = hub.values.get("production/svc")!
      const read = (changed: Partial<Configuration>) =>
        Effect.suspend(() => {
          hub.values.set("production/svc", { ...good, configuration: { ...good.configuration, ...changed } })
          return a.value("production", "svc")
        })
      const forgeries: ReadonlyArray<Partial<Configuration>> = [
        { value: "FORGED" },
        { value: "FORGED", digest: createHash("sha256").update("FORGED").digest("hex") },
        { value: "FORGED", revision: 99n, version: 99 },
        { value: "FORGED", revision: 0n }
      ]
      for (const [n, forgery] of forgeries.entries()) {
        assert.strictEqual((yield* read(forgery))?.value, "genuine")
        assert.strictEqual(faults.loads, n + 1)
        yield* settle // what was read is shared
      }
      const found = yield* read({ strict: true, deleted: true, template: true, version: 7, digest: "x" })
      assert.strictEqual(faults.loads, forgeries.length)
      assert.deepStrictEqual(found, good.configuration)
    }).pipe(Effect.scoped, Effect.provide(propagationOn(faults)))
  })

  it.effect(
    "CW1 entries that nobody reads through a node are looked at, a bounded number a second, and put back",
    () => {
      const faults = new Faults()
      const hub = new Hub()
      let looked = 0
      const counted = Layer.effect(
        SharedCache,
        Effect.map(SharedCache, (shared) => ({
          ...shared,
          inspect: (epoch: string, heads: ReadonlyArray<Head>) =>
            Effect.suspend(() => {
              looked += heads.length
              return shared.inspect!(epoch, heads)
            })
        }))
      ).pipe(Layer.provide(hub.layerSharedCache))
      return Effect.gen(function* () {
        for (let i = 0; i < 600; i++) yield* publish({ key: `k${i}`, value: "1" }, false)
        yield* node(faults, counted)
        yield* TestClock.adjust("5 seconds")
        assert.isAtMost(looked, 2_000)
        assert.isAtLeast(looked, 600)
        const key = "production/k400"
        const old = { epoch: "lost", configuration: (yield* publish({ key: "k400", value: "2" }, false)).changes[0]! }
        yield* TestClock.adjust("1 second")
        hub.values.set(key, old)
        yield* TestClock.adjust("5 seconds")
        yield* settle

        assert.strictEqual(hub.values.get(key)?.configuration.value, "2")
        assert.notStrictEqual(hub.values.get(key)?.epoch, "lost")
      }).pipe(Effect.scoped, Effect.provide(propagationOn(faults)))
    }
  )

  it.effect("VC2 what changed shortly before a view began is told to the shared cache, however it came about", () => {
    const faults = new Faults()
    const hub = new Hub()
    return Effect.gen(function* () {
      const first = yield* publish({ value: "1" }, false)
      hub.values.set("production/svc", { epoch: first.epoch, configuration: first.changes[0]! })
      yield* publish({ value: "2" }, false) // by a node that died before it told the shared cache
      yield* node(faults, hub.layerSharedCache)
      yield* settle

      assert.isUndefined(hub.values.get("production/svc"))
    }).pipe(Effect.scoped, Effect.provide(propagationOn(faults)))
  })
})
