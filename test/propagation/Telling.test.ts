import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Hub } from "../../layers/Memory/Hub.ts"
import type { Configuration, Head } from "../../src/configuration/Configuration.ts"
import { type HintLane, layerLane } from "../../src/propagation/HintLane.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { SharedCache } from "../../src/propagation/SharedCache.ts"
import { settle } from "../support/Clock.ts"
import { Faults } from "../support/Faults.ts"
import { commit, layerWith } from "./Harness.ts"

/** A node of its own on the same database. */
const node = (faults: Faults, shares: Layer.Layer<never>) =>
  Effect.map(Layer.build(Layer.fresh(layerWith(faults, { cacheBytes: 0 })).pipe(Layer.provide(shares))), (context) =>
    Context.get(context, Propagation)
  )

describe("what nodes tell each other", () => {
  it.effect("L1 a commit of one node is applied by another before any poll", () => {
    const faults = new Faults()
    const hub = new Hub()
    return Effect.gen(function* () {
      const a = yield* node(faults, hub.layerLane)
      const b = yield* node(faults, hub.layerLane)
      yield* settle
      const revision = yield* commit("x")
      yield* a.committed(revision)
      yield* settle

      assert.strictEqual(b.position().revision, 1n)
      assert.strictEqual(b.head("production", "svc")?.version, 1)
    }).pipe(Effect.scoped, Effect.provide(layerWith(faults)))
  })

  it.effect("L1 a lane that hangs holds neither the publisher nor another lane up, and keeps a bounded backlog", () => {
    const faults = new Faults()
    const hub = new Hub()
    const told: Array<bigint> = []
    const hung: HintLane = {
      name: "hung",
      tell: ({ revision }) =>
        Effect.andThen(
          Effect.sync(() => told.push(revision)),
          Effect.never
        ),
      listen: () => Effect.void
    }
    const lanes = layerLane(Effect.succeed(hung)).pipe(Layer.provideMerge(hub.layerLane))
    return Effect.gen(function* () {
      const a = yield* node(faults, lanes)
      const b = yield* node(faults, hub.layerLane)
      yield* settle
      for (let i = 0; i < 2_000; i++) yield* a.committed(yield* commit(String(i)))
      yield* settle

      assert.deepStrictEqual(told, [1n])
      assert.strictEqual(a.position().revision, 2_000n)
      yield* TestClock.adjust("500 millis")
      yield* settle
      assert.strictEqual(b.position().revision, 2_000n)
    }).pipe(Effect.scoped, Effect.provide(layerWith(faults)))
  })

  it.effect("L3 while the shared cache hangs only the newest value of a key waits for it", () => {
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
        yield* a.committed(yield* commit(String(i)))
        if (i === 0) yield* settle
      }
      hangs = false
      yield* settle
      yield* settle

      assert.deepStrictEqual(written, [1n, 2_000n])
    }).pipe(Effect.scoped, Effect.provide(layerWith(faults)))
  })

  it.effect("L2 a message that a lane lost is read from the log", () => {
    const faults = new Faults()
    const hub = new Hub()
    return Effect.gen(function* () {
      const a = yield* node(faults, hub.layerLane)
      const b = yield* node(faults, hub.layerLane)
      yield* settle
      const lost = yield* commit("lost")
      yield* a.hint(lost)
      yield* a.committed(yield* commit("told"))
      yield* settle

      assert.strictEqual(b.position().revision, 2n) // the gap is seen at once
      yield* a.hint(yield* commit("lost, too"))
      yield* settle
      assert.strictEqual(b.position().revision, 2n)
      yield* TestClock.adjust("500 millis")
      yield* settle
      assert.strictEqual(b.position().revision, 3n)
    }).pipe(Effect.scoped, Effect.provide(layerWith(faults)))
  })

  it.effect(
    "P5 a value that another node shared spares the database; an older one or another epoch's does not count",
    () => {
      const faults = new Faults()
      const hub = new Hub()
      return Effect.gen(function* () {
        const a = yield* node(faults, hub.layerSharedCache)
        const b = yield* node(faults, hub.layerSharedCache)
        const first = yield* commit("1")
        yield* a.committed(first)
        yield* b.hint(first)
        yield* settle
        assert.strictEqual((yield* b.value("production", "svc"))?.value, "1")
        assert.strictEqual(faults.loads, 0)

        const second = yield* commit("2")
        yield* b.hint(second) // the shared cache still has the first
        assert.strictEqual((yield* b.value("production", "svc"))?.value, "2")
        assert.strictEqual(faults.loads, 1)
        yield* settle
        assert.strictEqual(hub.values.get("production/svc")?.configuration.value, "2") // refilled by the reader

        for (const [id, shared] of hub.values) hub.values.set(id, { ...shared, epoch: "lost" })
        assert.strictEqual((yield* b.value("production", "svc"))?.value, "2")
        assert.strictEqual(faults.loads, 2)
      }).pipe(Effect.scoped, Effect.provide(layerWith(faults)))
    }
  )

  it.effect("P5 of the shared cache only the head's own value counts, and what the head says is the head's", () => {
    const faults = new Faults()
    const hub = new Hub()
    return Effect.gen(function* () {
      const a = yield* node(faults, hub.layerSharedCache)
      const revision = yield* commit("genuine")
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
    }).pipe(Effect.scoped, Effect.provide(layerWith(faults)))
  })

  it.effect("L4 hints that carry nothing are followed at once, and cost a bounded number of questions", () => {
    const faults = new Faults()
    const hub = new Hub()
    return Effect.gen(function* () {
      const b = yield* node(faults, hub.layerLane)
      yield* settle
      yield* TestClock.adjust("100 millis")
      yield* commit("x")
      const gap = Effect.sync(() => {
        for (const listener of hub.listeners) listener.gap()
      })
      yield* gap
      yield* settle
      assert.strictEqual(b.position().revision, 1n)
      const before = faults.polls
      for (let i = 0; i < 1_000; i++) yield* Effect.andThen(gap, TestClock.adjust("1 millis"))
      assert.isAtLeast(faults.polls - before, 10)
      assert.isAtMost(faults.polls - before, 30)
      yield* commit("y")
      yield* gap
      yield* TestClock.adjust("50 millis")
      yield* settle
      assert.strictEqual(b.position().revision, 2n)
    }).pipe(Effect.scoped, Effect.provide(layerWith(faults)))
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
        for (let i = 0; i < 600; i++) yield* commit("1", `k${i}`)
        yield* node(faults, counted)
        yield* TestClock.adjust("5 seconds")
        assert.isAtMost(looked, 2_000)
        assert.isAtLeast(looked, 600)
        const key = "production/k400"
        const old = { epoch: "lost", configuration: (yield* commit("2", "k400")).changes[0]! }
        yield* TestClock.adjust("1 second")
        hub.values.set(key, old)
        yield* TestClock.adjust("5 seconds")
        yield* settle

        assert.strictEqual(hub.values.get(key)?.configuration.value, "2")
        assert.notStrictEqual(hub.values.get(key)?.epoch, "lost")
      }).pipe(Effect.scoped, Effect.provide(layerWith(faults)))
    }
  )
})
