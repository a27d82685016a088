import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Latch, Layer, Metric, Scope } from "effect"
import { TestClock } from "effect/testing"
import { failure, type HeraldError } from "../../src/errors/HeraldError.ts"
import { Unkeepable } from "../../src/errors/Unkeepable.ts"
import { Bookkeeping, type BookkeepingOptions } from "../../src/fleet/Bookkeeping.ts"
import type { Batch, DeliveryRow, InstanceNote } from "../../src/fleet/Instance.ts"
import { InstanceStore } from "../../src/fleet/InstanceStore.ts"
import * as PerNode from "../../src/telemetry/PerNode.ts"
import { settle } from "../support/Clock.ts"
import { delivery as deliveryOf, health as healthOf, instance as instanceOf } from "../support/Instance.ts"

/** A store that keeps the batches it took, and fails or hangs when told to. */
class Store {
  readonly batches: Array<Batch> = []
  fails = false
  crashes = false
  /** A key that no batch may have. */
  refuses = ""
  tries = 0
  readonly gate = Latch.makeUnsafe(true)

  get deliveries(): ReadonlyArray<DeliveryRow> {
    return this.batches.flatMap((batch) => batch.deliveries)
  }

  readonly layer = Layer.mock(InstanceStore, {
    write: (batch) =>
      Effect.suspend((): Effect.Effect<ReadonlyArray<string>, HeraldError | Unkeepable> => {
        this.tries++
        if (batch.deliveries.some(({ key }) => key === this.refuses))
          return Effect.fail(new Unkeepable({ message: "it can't be kept" }))
        if (this.crashes) return Effect.die(new Error("boom"))
        if (this.fails) return Effect.fail(failure("DatabaseUnavailable", "it is away"))
        return Effect.andThen(
          this.gate.await,
          Effect.sync(() => {
            this.batches.push(batch)
            return []
          })
        )
      })
  })
}

const options: BookkeepingOptions = {
  flushEvery: "100 millis",
  flushAt: 1_000,
  maxPending: 100_000,
  maxBytes: 64_000_000
}
const layerOn = (store: Store, changed: Partial<BookkeepingOptions> = {}) =>
  Bookkeeping.layer({ ...options, ...changed }).pipe(Layer.provide(store.layer))

const delivery = (revision: number, changed: Partial<DeliveryRow> = {}) =>
  deliveryOf("svc", { revision: BigInt(revision), version: revision, sentAt: revision, ...changed })
const instance = (lastSeen: number, changed: Partial<InstanceNote> = {}) =>
  instanceOf("svc", { lastSeen, empty: true, ...changed })
const health = (revision: number) => healthOf("svc", { revision: BigInt(revision), reportedAt: revision })

const merged = Effect.map(Metric.snapshot, (metrics) => {
  const found = metrics.find((metric) => metric.id === "herald_deliveries_merged_total")
  return found?.type === "Counter" ? Number(found.state.count) : 0
})

describe("Bookkeeping", () => {
  it.effect("BK1 notes wait for no database: a store that hangs holds nobody up, and has everything in the end", () => {
    const store = new Store()
    return Effect.gen(function* () {
      const bookkeeping = yield* Bookkeeping
      store.gate.closeUnsafe()
      bookkeeping.noteDelivery(delivery(1))
      yield* TestClock.adjust("150 millis") // the first batch hangs
      for (let i = 2; i <= 5_000; i++) bookkeeping.noteDelivery(delivery(i))
      bookkeeping.noteInstance(instance(1))
      bookkeeping.noteHealth(health(1))
      yield* TestClock.adjust("1 minute")
      const waiting = bookkeeping.pending()
      store.gate.openUnsafe()
      yield* TestClock.adjust("1 second")

      assert.strictEqual(waiting, 4_999)
      assert.strictEqual(new Set(store.deliveries.map((row) => row.revision)).size, 5_000)
      assert.strictEqual(store.batches.flatMap((batch) => batch.instances).length, 1)
      assert.strictEqual(store.batches.flatMap((batch) => batch.health).length, 1)
      assert.strictEqual(bookkeeping.pending(), 0)
    }).pipe(Effect.provide(layerOn(store)))
  })

  it.effect("BK1 many notes are written at once, without waiting for the time", () => {
    const store = new Store()
    return Effect.gen(function* () {
      const bookkeeping = yield* Bookkeeping
      yield* settle
      for (let i = 1; i <= 10; i++) bookkeeping.noteDelivery(delivery(i))
      yield* settle

      assert.deepStrictEqual(
        store.batches.map((batch) => batch.deliveries.length),
        [10]
      )
    }).pipe(Effect.provide(layerOn(store, { flushAt: 10, flushEvery: "1 hour" })))
  })

  it.effect(
    "BK2 under a dead database only the newest of each key and client stays, and what was merged is counted",
    () => {
      const store = new Store()
      return Effect.gen(function* () {
        const bookkeeping = yield* Bookkeeping
        const before = yield* merged
        store.fails = true
        let most = 0
        for (let i = 1; i <= 1_000; i++) {
          for (const key of ["svc", "svc.b"])
            for (const name of ["i1", "i2"]) bookkeeping.noteDelivery(delivery(i, { key, instance: name }))
          most = Math.max(most, bookkeeping.pending())
        }
        yield* TestClock.adjust("10 seconds")
        const waiting = bookkeeping.pending()
        store.fails = false
        yield* TestClock.adjust("2 seconds")

        assert.isAtMost(most, 50)
        assert.isAtMost(waiting, 50)
        const newest = store.deliveries.filter((row) => row.revision === 1_000n)
        assert.sameMembers(
          newest.map((row) => `${row.instance} ${row.key}`),
          ["i1 svc", "i1 svc.b", "i2 svc", "i2 svc.b"]
        )
        assert.strictEqual((yield* merged) - before, 4_000 - store.deliveries.length)
      }).pipe(Effect.provide(layerOn(store, { maxPending: 50 })), Effect.provide(PerNode.layer))
    }
  )

  it.effect(
    "BK2 clients that come and go while the database is dead cost a bounded number of rows: the newest stay",
    () => {
      const store = new Store()
      return Effect.gen(function* () {
        const bookkeeping = yield* Bookkeeping
        store.fails = true
        let most = 0
        for (let i = 1; i <= 5_000; i++) {
          bookkeeping.noteDelivery(delivery(i, { instance: `i${i}` }))
          most = Math.max(most, bookkeeping.pending())
          if (i % 500 === 0) yield* TestClock.adjust("1 second")
        }
        store.fails = false
        yield* TestClock.adjust("5 seconds")

        assert.isAtMost(most, 20 * 50)
        assert.isTrue(store.deliveries.some((row) => row.revision === 5_000n))
        assert.strictEqual(bookkeeping.pending(), 0)
      }).pipe(Effect.provide(layerOn(store, { maxPending: 50 })))
    }
  )

  it.effect("BK2 BK3 many rows are written in batches, each once, all in the end", () => {
    const store = new Store()
    return Effect.gen(function* () {
      const bookkeeping = yield* Bookkeeping
      store.fails = true
      for (let i = 1; i <= 25_000; i++) bookkeeping.noteDelivery(delivery(i))
      yield* TestClock.adjust("3 seconds")
      bookkeeping.noteDelivery(delivery(1, { state: "applied", answeredAt: 9 }))
      store.fails = false
      yield* bookkeeping.flush

      assert.deepStrictEqual(
        store.batches.map((batch) => batch.deliveries.length),
        [10_000, 10_000, 5_000]
      )
      assert.strictEqual(new Set(store.deliveries.map((row) => row.revision)).size, 25_000)
      assert.strictEqual(store.deliveries.find((row) => row.revision === 1n)?.state, "applied")
    }).pipe(Effect.provide(layerOn(store)))
  })

  it.effect("BK2 health reports and instances of a dead database's time are bounded too: the newest stay", () => {
    const store = new Store()
    return Effect.gen(function* () {
      const bookkeeping = yield* Bookkeeping
      store.fails = true
      for (let i = 1; i <= 500; i++) {
        bookkeeping.noteHealth(health(i))
        bookkeeping.noteInstance(instance(i, { instance: `i${i}` }))
      }
      yield* TestClock.adjust("3 seconds")
      store.fails = false
      yield* TestClock.adjust("2 seconds")

      assert.deepStrictEqual(
        store.batches.flatMap((batch) => batch.health).map((row) => row.revision),
        Array.from({ length: 50 }, (_, i) => BigInt(451 + i))
      )
      assert.deepStrictEqual(
        store.batches.flatMap((batch) => batch.instances).map((row) => row.lastSeen),
        Array.from({ length: 50 }, (_, i) => 451 + i)
      )
    }).pipe(Effect.provide(layerOn(store, { maxPending: 50 })))
  })

  for (const fault of ["fails", "crashes"] as const) {
    it.effect(
      `BK3 a batch that ${fault} is merged back under what came later; nothing is lost and the newest wins`,
      () => {
        const store = new Store()
        return Effect.gen(function* () {
          const bookkeeping = yield* Bookkeeping
          store[fault] = true
          bookkeeping.noteDelivery(delivery(1))
          bookkeeping.noteDelivery(delivery(2, { state: "applied", sentAt: 0, answeredAt: 9 }))
          bookkeeping.noteInstance(instance(1))
          bookkeeping.noteHealth(health(1))
          yield* TestClock.adjust("5 seconds")
          bookkeeping.noteDelivery(delivery(1, { state: "rejected", reason: "no", sentAt: 0, answeredAt: 7 }))
          bookkeeping.noteDelivery(delivery(2)) // its "sent" comes late: the answer stays
          bookkeeping.noteInstance(instance(2, { state: "disconnected" }))
          yield* TestClock.adjust("5 seconds")
          store[fault] = false
          yield* TestClock.adjust("2 seconds")

          assert.strictEqual(store.batches.length, 1)
          const [batch] = store.batches
          assert.deepStrictEqual(batch?.deliveries, [
            delivery(1, { state: "rejected", reason: "no", answeredAt: 7 }),
            delivery(2, { state: "applied", answeredAt: 9 })
          ])
          assert.deepStrictEqual(batch?.instances, [instance(2, { state: "disconnected" })])
          assert.deepStrictEqual(batch?.health, [health(1)])
        }).pipe(Effect.provide(layerOn(store)))
      }
    )
  }

  it.effect("BL5 what the store refuses is left out, and holds nothing else up", () => {
    const store = new Store()
    store.refuses = "bad"
    return Effect.gen(function* () {
      const { noteDelivery, noteInstance, flush, pending } = yield* Bookkeeping
      noteInstance(instance(1))
      for (let i = 1; i <= 500; i++) noteDelivery(delivery(i, i === 77 ? { key: "bad" } : {}))
      yield* flush

      assert.strictEqual(pending(), 0)
      assert.strictEqual(store.deliveries.length, 499)
      assert.notInclude(
        store.deliveries.map(({ revision }) => revision),
        77n
      )
      assert.isBelow(store.tries, 30)
      assert.strictEqual(store.batches[0]?.instances.length, 1)
    }).pipe(Effect.provide(layerOn(store)))
  })

  it.effect("BK3 what is pending when the process leaves is written, also what was on its way", () => {
    const store = new Store()
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(layerOn(store), scope)
      const bookkeeping = yield* Bookkeeping.pipe(Effect.provideContext(context))
      store.gate.closeUnsafe()
      bookkeeping.noteDelivery(delivery(1))
      yield* TestClock.adjust("150 millis") // on its way
      bookkeeping.noteDelivery(delivery(2))
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* settle
      store.gate.openUnsafe()
      yield* Fiber.join(closing)

      assert.sameMembers(
        store.deliveries.map((row) => row.revision),
        [1n, 2n]
      )
    })
  })

  it.effect("BK1 a store that hangs for ever holds up the shutdown for 2 s, not longer", () => {
    const store = new Store()
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(layerOn(store), scope)
      const bookkeeping = yield* Bookkeeping.pipe(Effect.provideContext(context))
      const done = yield* Deferred.make<void>()
      store.gate.closeUnsafe()
      bookkeeping.noteDelivery(delivery(1))
      yield* TestClock.adjust("150 millis")
      yield* Effect.forkChild(Effect.andThen(Scope.close(scope, Exit.void), Deferred.succeed(done, undefined)))
      yield* TestClock.adjust("2100 millis")
      yield* settle

      assert.isTrue(yield* Deferred.isDone(done))
    })
  })
})
