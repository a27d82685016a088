/** What of a history that was lost is neither told nor read again. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Digests from "../../layers/Crypto/values/Digest.ts"
import { Hub } from "../../layers/Memory/Hub.ts"
import * as Memory from "../../layers/Memory/Memory.ts"
import { Cache } from "../../src/configuration/Cache.ts"
import { ConfigurationView } from "../../src/configuration/ConfigurationView.ts"
import { SharedCache } from "../../src/configuration/SharedCache.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { settle } from "../support/Clock.ts"
import { Faults } from "../support/Faults.ts"
import { propagationOn } from "../support/Twins.ts"
import { commit, listen } from "./Harness.ts"

const poll = TestClock.adjust("500 millis")

describe("a lost history", () => {
  it.effect("P1 a restored backup is told as Reset, and nothing of the lost history is read again", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      const view = yield* ConfigurationView
      const heard = yield* listen
      for (const value of ["kept", "lost"]) yield* propagation.hint(yield* commit(value))
      yield* propagation.hint(yield* commit("lost", "other"))
      faults.restore(1)
      yield* poll
      yield* settle
      const restored = yield* view.value("production", "svc")
      const again = yield* commit("again")
      yield* propagation.hint(again)
      yield* settle

      assert.deepStrictEqual(heard, ["1", "2", "3", "reset", "2"])
      assert.strictEqual(restored?.value, "kept")
      assert.isUndefined(view.head("production", "other"))
      assert.deepStrictEqual(propagation.position(), { epoch: "restored", revision: 2n })
      assert.strictEqual((yield* view.value("production", "svc"))?.value, "again")
    }).pipe(Effect.provide(propagationOn(faults)))
  })

  it.effect("P1 a hint of a lost history is neither applied nor remembered, whatever its number", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      const view = yield* ConfigurationView
      const heard = yield* listen
      yield* propagation.hint(yield* commit("kept"))
      yield* propagation.hint(yield* commit("kept", "other"))
      const lost = [yield* commit("LOST"), yield* commit("LOST", "other"), yield* commit("LOST")]
      faults.restore(2)
      yield* poll
      yield* settle
      for (const late of lost) yield* propagation.hint(late)
      const mine = [yield* commit("mine", "other"), yield* commit("mine", "third")]
      for (const one of mine.toReversed()) yield* propagation.hint(one)
      yield* settle

      assert.deepStrictEqual(heard, ["1", "2", "reset", "3", "4"])
      assert.strictEqual((yield* view.value("production", "svc"))?.value, "kept")
      assert.strictEqual((yield* view.value("production", "other"))?.value, "mine")
      assert.strictEqual(view.head("production", "svc")?.revision, 1n)
      assert.deepStrictEqual(propagation.position(), { epoch: "restored", revision: 4n })
    }).pipe(Effect.provide(propagationOn(faults)))
  })

  it.effect("P1 a hint that came early is not applied after a reset to another history", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      const view = yield* ConfigurationView
      const heard = yield* listen
      yield* propagation.hint(yield* commit("kept"))
      yield* commit("lost")
      const early = [yield* commit("EARLY"), yield* commit("EARLY", "other")]
      faults.fails = true
      for (const one of early) yield* propagation.hint(one) // 3 and 4 wait for 2
      faults.restore(1)
      faults.fails = false
      yield* poll
      yield* settle
      yield* propagation.hint(yield* commit("mine")) // 2
      yield* settle

      assert.deepStrictEqual(heard, ["1", "reset", "2"])
      assert.strictEqual((yield* view.value("production", "svc"))?.value, "mine")
      assert.isUndefined(view.head("production", "other"))
    }).pipe(Effect.provide(propagationOn(faults)))
  })

  it.effect(
    "P1 after a reset to an earlier number of the same history nothing of before is read from the cache",
    () => {
      const faults = new Faults()
      return Effect.gen(function* () {
        const propagation = yield* Propagation
        const view = yield* ConfigurationView
        const { epoch } = propagation.position()
        for (const value of ["kept", "lost"]) yield* propagation.hint(yield* commit(value))
        faults.restore(1)
        Object.assign(faults.state, { epoch })
        yield* poll
        yield* settle

        assert.strictEqual((yield* view.value("production", "svc"))?.value, "kept")
      }).pipe(Effect.provide(propagationOn(faults)))
    }
  )

  it.effect("P1 the log's next number of another history is not the next revision", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      const view = yield* ConfigurationView
      const heard = yield* listen
      for (const value of ["kept", "lost"]) yield* propagation.hint(yield* commit(value))
      yield* settle
      faults.restore(1)
      yield* commit("mine") // 2
      yield* commit("mine", "other") // 3: what the log has after 2
      yield* settle

      assert.deepStrictEqual(heard, ["1", "2", "reset"])
      assert.strictEqual((yield* view.value("production", "svc"))?.value, "mine")
    }).pipe(Effect.provide(propagationOn(faults, { hints: true })))
  })

  it.effect("P1 a hint of another history is followed at once, though its number is behind", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      for (const value of ["kept", "lost", "lost"]) yield* propagation.hint(yield* commit(value))
      yield* settle
      faults.restore(1)
      yield* propagation.hint(yield* commit("mine")) // 2
      yield* settle

      assert.deepStrictEqual(propagation.position(), { epoch: "restored", revision: 2n })
    }).pipe(Effect.provide(propagationOn(faults)))
  })

  it.effect("P1 hints that overtook each other are put in order without a question", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      const heard = yield* listen
      yield* settle
      faults.fails = true
      const revisions = [yield* commit("a"), yield* commit("b"), yield* commit("c")]
      for (const one of revisions.toReversed()) yield* propagation.hint(one)
      yield* settle

      assert.deepStrictEqual(heard, ["1", "2", "3"])
    }).pipe(Effect.provide(propagationOn(faults)))
  })

  it.effect("P1 P5 a value that was read of a lost history fills neither cache, however late it comes", () => {
    const faults = new Faults()
    const hub = new Hub()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      const view = yield* ConfigurationView
      const cache = yield* Cache
      yield* propagation.hint(yield* commit("kept"))
      yield* propagation.hint(yield* commit("lost"))
      cache.clear()
      faults.values.closeUnsafe()
      const reading = yield* Effect.forkChild(view.value("production", "svc"))
      yield* settle
      faults.restore(1)
      yield* poll
      yield* settle
      faults.values.openUnsafe()
      yield* Fiber.join(reading)
      yield* settle

      assert.deepStrictEqual([...hub.values], [])
      assert.isUndefined(cache.get("production", "svc"))
      const old = view.head("production", "svc")!
      const lost = { ...(yield* commit("lost")).changes[0]!, revision: old.revision + 9n }
      cache.setIfNewer({ epoch: "lost", configuration: lost })
      assert.strictEqual((yield* view.value("production", "svc"))?.revision, 2n)
    }).pipe(Effect.provide(propagationOn(faults).pipe(Layer.provide(hub.layerSharedCache))))
  })

  it.effect(
    "P1 P5 a value of a lost history that the shared cache gave late fills no cache, and is not what is read",
    () => {
      const faults = new Faults()
      const hub = new Hub()
      const answers = Latch.makeUnsafe(true)
      const slow = Layer.effect(
        SharedCache,
        Effect.map(SharedCache, (shared) => ({
          ...shared,
          get: (environment: string, key: string) => Effect.tap(shared.get(environment, key), () => answers.await)
        }))
      ).pipe(Layer.provide(hub.layerSharedCache))
      return Effect.gen(function* () {
        const propagation = yield* Propagation
        const view = yield* ConfigurationView
        const cache = yield* Cache
        for (const value of ["kept", "lost"]) yield* propagation.hint(yield* commit(value))
        cache.clear()
        yield* view.value("production", "svc")
        yield* settle
        assert.strictEqual(hub.values.get("production/svc")?.configuration.value, "lost")
        cache.clear()
        const before = faults.loads
        answers.closeUnsafe()
        const reading = yield* Effect.forkChild(view.value("production", "svc"))
        yield* settle
        faults.restore(1)
        yield* poll
        yield* settle
        answers.openUnsafe()
        const read = yield* Fiber.join(reading)

        assert.notStrictEqual(read?.value, "lost")
        assert.strictEqual(faults.loads, before + 1) // the database was asked
        assert.isUndefined(cache.get("production", "svc"))
      }).pipe(Effect.provide(propagationOn(faults).pipe(Layer.provide(slow))))
    }
  )

  it.effect("P1 P6 what is committed while heads are read again is in the view at once", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      yield* propagation.hint(yield* commit("kept"))
      yield* settle
      faults.restore(1)
      let meanwhile = false
      faults.afterPage = () =>
        Effect.suspend(() => {
          if (meanwhile) return Effect.void
          meanwhile = true
          return commit("meanwhile").pipe(Effect.provide(Layer.merge(Memory.layerOn(faults.state), Digests.layer)))
        })
      yield* poll
      yield* settle

      assert.deepStrictEqual(propagation.position(), { epoch: "restored", revision: 2n })
    }).pipe(Effect.provide(propagationOn(faults)))
  })

  it.effect("P1 P6 while heads are read again, the view of before is served", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      const view = yield* ConfigurationView
      for (const value of ["kept", "lost"]) yield* propagation.hint(yield* commit(value))
      faults.restore(1)
      faults.pages.closeUnsafe()
      yield* poll
      yield* settle
      const during = [view.head("production", "svc")?.version, propagation.position().revision]
      faults.pages.openUnsafe()
      yield* settle

      assert.deepStrictEqual(during, [2, 2n])
      assert.strictEqual(view.head("production", "svc")?.version, 1)
      assert.isFalse(propagation.stale())
    }).pipe(Effect.provide(propagationOn(faults)))
  })
})
