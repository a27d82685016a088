import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Digests from "../../layers/Crypto/values/Digest.ts"
import * as Memory from "../../layers/Memory/Memory.ts"
import { ConfigurationView } from "../../src/configuration/ConfigurationView.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import type { Revision } from "../../src/propagation/Revision.ts"
import { settle } from "../support/Clock.ts"
import { Faults } from "../support/Faults.ts"
import { change, commit as commitAll } from "../support/Release.ts"
import { propagationOn } from "../support/Twins.ts"
import { commit, listen } from "./Harness.ts"

const poll = TestClock.adjust("500 millis")

const permutations = <A>(items: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  items.length < 2
    ? [items]
    : items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]))

describe("Propagation", () => {
  for (const order of permutations([0, 1, 2, 3])) {
    it.effect(
      `P1 hints in the order ${order.join(" ")}, each lost or doubled in turn, are told in order without a gap`,
      () =>
        Effect.gen(function* () {
          const propagation = yield* Propagation
          const view = yield* ConfigurationView
          const heard = yield* listen
          const revisions: Array<Revision> = []
          for (const value of ["a", "b", "c", "d"]) revisions.push(yield* commit(value))
          for (const [turn, which] of order.entries()) {
            if (turn === order[0]) continue // lost
            yield* propagation.hint(revisions[which]!)
            if (turn % 2 === 0) yield* propagation.hint(revisions[which]!)
          }
          yield* poll
          yield* settle

          assert.deepStrictEqual(heard, ["1", "2", "3", "4"])
          assert.strictEqual(propagation.position().revision, 4n)
          assert.strictEqual((yield* view.value("production", "svc"))?.value, "d")
        }).pipe(Effect.provide(propagationOn(new Faults())))
    )
  }

  it.effect("P1 a hint that is applied while the database answers is no lost history", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      const heard = yield* listen
      yield* settle
      faults.gate.closeUnsafe()
      yield* poll // asks, and sees revision 0
      yield* propagation.hint(yield* commit("a"))
      faults.gate.openUnsafe()
      yield* poll

      assert.deepStrictEqual(heard, ["1"])
    }).pipe(Effect.provide(propagationOn(faults)))
  })

  it.effect("P1 revisions that were swept before they were read are told as Reset", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const view = yield* ConfigurationView
      const heard = yield* listen
      for (const value of ["a", "b", "c"]) yield* commit(value)
      faults.sweep(2)
      yield* poll
      yield* commit("d")
      yield* poll
      yield* settle

      assert.deepStrictEqual(heard, ["reset", "4"])
      assert.strictEqual(view.head("production", "svc")?.version, 4)
    }).pipe(Effect.provide(propagationOn(faults)))
  })

  describe("P6", () => {
    /** More than a page holds. */
    const many = commitAll(Array.from({ length: 6_000 }, (_, i) => change(`k${String(i).padStart(5, "0")}`, "1")))
    const [first, last] = ["k00000", "k05999"]

    it.effect(
      "P6 what is committed while heads are read is in the view whole, and at the position that it says",
      () => {
        const faults = new Faults()
        return Effect.gen(function* () {
          yield* Effect.provide(many, Memory.layerOn(faults.state))
          let pages = 0
          faults.afterPage = () =>
            Effect.suspend(() =>
              ++pages > 1
                ? Effect.void
                : Effect.forEach(["2", "3"], (value) =>
                    Effect.forEach([first, last], (key) => commit(value, key), { discard: true })
                  ).pipe(Effect.provide(Layer.merge(Memory.layerOn(faults.state), Digests.layer)))
            )
          yield* Effect.gen(function* () {
            const propagation = yield* Propagation
            const view = yield* ConfigurationView

            assert.strictEqual(pages, 3)
            assert.strictEqual(propagation.position().revision, 5n)
            for (const key of [first, last]) assert.strictEqual(view.head("production", key)?.version, 3)
            assert.strictEqual([...view.slices("production", "*")].flat().length, 6_000)
          }).pipe(Effect.provide(propagationOn(faults)))
        })
      }
    )

    it.effect("P6 the log that is read behind the heads is of their history", () => {
      const faults = new Faults()
      const twin = Layer.merge(Memory.layerOn(faults.state), Digests.layer)
      return Effect.gen(function* () {
        yield* Effect.provide(many, twin)
        let pages = 0
        faults.afterPage = () =>
          Effect.suspend(() => {
            pages++
            if (pages === 1) return commit("lost", last)
            if (pages !== 3) return Effect.void
            faults.restore(1)
            return commit("mine", first)
          }).pipe(Effect.provide(twin))
        yield* Effect.gen(function* () {
          const propagation = yield* Propagation
          const view = yield* ConfigurationView

          assert.deepStrictEqual(propagation.position(), { epoch: "restored", revision: 2n })
          assert.strictEqual(view.head("production", last)?.version, 1)
          assert.strictEqual(view.head("production", first)?.version, 2)
        }).pipe(Effect.provide(propagationOn(faults)))
      })
    })

    it.effect("P6 heads of two histories are never mixed", () => {
      const faults = new Faults()
      return Effect.gen(function* () {
        yield* Effect.provide(many, Memory.layerOn(faults.state))
        let pages = 0
        faults.afterPage = () => Effect.sync(() => ++pages === 1 && Object.assign(faults.state, { epoch: "restored" }))
        yield* Effect.gen(function* () {
          const propagation = yield* Propagation

          assert.strictEqual(pages, 2 + 3)
          assert.deepStrictEqual(propagation.position(), { epoch: "restored", revision: 1n })
        }).pipe(Effect.provide(propagationOn(faults)))
      })
    })
  })

  it.effect("P8 a tombstone is forgotten when it is behind the horizon, and its key can come back", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      const view = yield* ConfigurationView
      const heard = yield* listen
      for (const value of ["a", null]) yield* propagation.hint(yield* commit(value, "old"))
      for (const value of ["a", null]) yield* propagation.hint(yield* commit(value, "recent"))
      faults.sweep(2)
      yield* TestClock.adjust("1 minute")
      yield* settle

      assert.isUndefined(view.head("production", "old"))
      assert.isTrue(view.head("production", "recent")?.deleted)
      assert.isUndefined(yield* view.value("production", "old"))
      yield* propagation.hint(yield* commit("b", "old"))
      assert.strictEqual((yield* view.value("production", "old"))?.value, "b")
      yield* settle
      assert.deepStrictEqual(heard, ["1", "2", "3", "4", "5"])
    }).pipe(Effect.provide(propagationOn(faults)))
  })

  it.effect("P8 by the horizon of a lost history no tombstone of the present one is forgotten", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      const view = yield* ConfigurationView
      for (const value of ["a", "b", "c"]) yield* propagation.hint(yield* commit(value))
      faults.sweep(2)
      faults.horizons.closeUnsafe()
      yield* TestClock.adjust("1 minute") // asks, and sees revision 2
      faults.state.swept = 0
      faults.restore(0)
      for (const value of ["a", null]) yield* commit(value, "mine")
      yield* poll
      yield* settle
      assert.deepStrictEqual(propagation.position(), { epoch: "restored", revision: 2n })
      faults.horizons.openUnsafe()
      yield* settle

      assert.isTrue(view.head("production", "mine")?.deleted)
    }).pipe(Effect.provide(propagationOn(faults)))
  })

  it.effect("P4 100 concurrent reads of a value share one load", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      const view = yield* ConfigurationView
      yield* propagation.hint(yield* commit("a"))
      faults.gate.closeUnsafe()
      const reads = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 100 }), () => view.value("production", "svc"), {
          concurrency: "unbounded"
        })
      )
      yield* settle
      faults.gate.openUnsafe()
      const found = yield* Fiber.join(reads)

      assert.strictEqual(faults.loads, 1)
      assert.strictEqual(new Set(found).size, 1)
      assert.strictEqual(found[0]?.value, "a")
    }).pipe(Effect.provide(propagationOn(faults, { cacheBytes: 0 })))
  })

  it.effect("P4 the reader that began the load may leave: the others get their value", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      const view = yield* ConfigurationView
      yield* propagation.hint(yield* commit("a"))
      faults.gate.closeUnsafe()
      const first = yield* Effect.forkChild(view.value("production", "svc"))
      yield* settle
      const second = yield* Effect.forkChild(view.value("production", "svc"))
      yield* settle
      yield* Fiber.interrupt(first)
      faults.gate.openUnsafe()
      const found = yield* Fiber.join(second)

      assert.strictEqual(found?.value, "a")
      assert.strictEqual(faults.loads, 1)
    }).pipe(Effect.provide(propagationOn(faults, { cacheBytes: 0 })))
  })

  it.effect("P4 a load that failed fails those who waited, and the next read loads again", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      const view = yield* ConfigurationView
      yield* propagation.hint(yield* commit("a"))
      faults.fails = true
      const error = yield* Effect.flip(view.value("production", "svc"))
      faults.fails = false
      const found = yield* view.value("production", "svc")

      assert.strictEqual(error.name, "DatabaseUnavailable")
      assert.strictEqual(found?.value, "a")
    }).pipe(Effect.provide(propagationOn(faults, { cacheBytes: 0 })))
  })

  it.effect("P4 a read after a commit does not join a load that began before it", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      const view = yield* ConfigurationView
      yield* propagation.hint(yield* commit("a"))
      faults.gate.closeUnsafe()
      const before = yield* Effect.forkChild(view.value("production", "svc"))
      yield* settle
      yield* propagation.hint(yield* commit("b"))
      const after = yield* Effect.forkChild(view.value("production", "svc"))
      yield* settle
      faults.gate.openUnsafe()

      assert.strictEqual((yield* Fiber.join(before))?.value, "a")
      assert.strictEqual((yield* Fiber.join(after))?.value, "b")
    }).pipe(Effect.provide(propagationOn(faults, { cacheBytes: 0 })))
  })
})
