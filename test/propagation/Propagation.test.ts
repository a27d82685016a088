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
import type { Revision } from "../../src/propagation/Revision.ts"
import { Loop } from "../../src/telemetry/Loop.ts"
import { settle } from "../support/Clock.ts"
import { Faults } from "../support/Faults.ts"
import { change, commit as commitAll } from "../support/Release.ts"
import { commit, layerWith, listen } from "./Harness.ts"

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
        }).pipe(Effect.provide(layerWith(new Faults())))
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
    }).pipe(Effect.provide(layerWith(faults)))
  })

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
    }).pipe(Effect.provide(layerWith(faults)))
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
    }).pipe(Effect.provide(layerWith(faults)))
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
    }).pipe(Effect.provide(layerWith(faults)))
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
      }).pipe(Effect.provide(layerWith(faults)))
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
    }).pipe(Effect.provide(layerWith(faults, { hints: true })))
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
    }).pipe(Effect.provide(layerWith(faults)))
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
    }).pipe(Effect.provide(layerWith(faults)))
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
    }).pipe(Effect.provide(layerWith(faults).pipe(Layer.provide(hub.layerSharedCache))))
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
      }).pipe(Effect.provide(layerWith(faults).pipe(Layer.provide(slow))))
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
    }).pipe(Effect.provide(layerWith(faults)))
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
    }).pipe(Effect.provide(layerWith(faults)))
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
    }).pipe(Effect.provide(layerWith(faults)))
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
          }).pipe(Effect.provide(layerWith(faults)))
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
        }).pipe(Effect.provide(layerWith(faults)))
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
        }).pipe(Effect.provide(layerWith(faults)))
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
    }).pipe(Effect.provide(layerWith(faults)))
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
    }).pipe(Effect.provide(layerWith(faults)))
  })

  it.effect("P2 a commit that nobody hinted at is seen by the next poll", () =>
    Effect.gen(function* () {
      const view = yield* ConfigurationView
      const heard = yield* listen
      yield* settle
      yield* commit("a")
      yield* settle
      const before = [...heard]
      yield* poll

      assert.deepStrictEqual(before, [])
      assert.deepStrictEqual(heard, ["1"])
      assert.strictEqual(view.head("production", "svc")?.version, 1)
    }).pipe(Effect.provide(layerWith(new Faults())))
  )

  it.effect("P2 another writer's hint is followed at once", () =>
    Effect.gen(function* () {
      const heard = yield* listen
      yield* settle
      yield* commit("a")
      yield* settle

      assert.deepStrictEqual(heard, ["1"])
    }).pipe(Effect.provide(layerWith(new Faults(), { hints: true })))
  )

  it.effect(
    "P2 a hint that the log goes on from the view costs one question, and polls go on however many come",
    () => {
      const faults = new Faults()
      return Effect.gen(function* () {
        const heard = yield* listen
        yield* settle
        const before = faults.polls
        yield* commit("a")
        yield* settle
        const hinted = faults.polls
        for (let i = 0; i < 10; i++) {
          yield* TestClock.adjust("100 millis")
          yield* commit(String(i))
          yield* settle
        }

        assert.strictEqual(hinted, before)
        assert.isAtLeast(faults.polls, before + 1)
        assert.isAtMost(faults.polls, before + 3)
        assert.strictEqual(heard.length, 11)
      }).pipe(Effect.provide(layerWith(faults, { hints: true })))
    }
  )

  it.effect("P2 what a page does not hold is read with the same hint", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      yield* settle
      faults.gate.closeUnsafe()
      yield* commit("0")
      yield* settle // asks, and sees revision 1
      for (let i = 1; i <= 1_100; i++) yield* commit(String(i))
      faults.gate.openUnsafe()
      yield* settle

      assert.strictEqual(propagation.position().revision, 1_101n)
    }).pipe(Effect.provide(layerWith(faults, { hints: true })))
  })

  it.effect("P2 after an outage everything that was missed is read, however much", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      const heard = yield* listen
      yield* settle
      faults.fails = true
      for (let i = 0; i < 1_200; i++) yield* commit(String(i))
      yield* TestClock.adjust("2 seconds")
      const during = [...heard]
      faults.fails = false
      yield* poll
      yield* settle

      assert.deepStrictEqual(during, [])
      assert.deepStrictEqual(
        heard,
        Array.from({ length: 1_200 }, (_, i) => String(i + 1))
      )
      assert.strictEqual(propagation.position().revision, 1_200n)
    }).pipe(Effect.provide(layerWith(faults)))
  })

  for (const fault of ["fails", "hangs"] as const) {
    it.effect(
      `P3 a view is stale 3 s after its last confirmation when the log ${fault}, and says when it is confirmed again`,
      () => {
        const faults = new Faults()
        return Effect.gen(function* () {
          const propagation = yield* Propagation
          const heard = yield* listen
          yield* settle
          if (fault === "fails") faults.fails = true
          else faults.gate.closeUnsafe()
          yield* TestClock.adjust("2500 millis")
          const early = propagation.stale()
          yield* TestClock.adjust("1 second")
          const late = propagation.stale()
          const told = [...heard]
          faults.fails = false
          faults.gate.openUnsafe()
          yield* TestClock.adjust("1 second")

          assert.isFalse(early)
          assert.isTrue(late)
          assert.deepStrictEqual(told, ["stale"])
          assert.isFalse(propagation.stale())
          assert.deepStrictEqual(heard, ["stale", "fresh"])
        }).pipe(Effect.provide(layerWith(faults)))
      }
    )
  }

  it.effect("P3 whoever was answered that the view is stale hears when it is confirmed, however short it was", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      const heard = yield* listen
      yield* settle
      faults.fails = true
      yield* TestClock.adjust("2900 millis")
      yield* TestClock.adjust("101 millis") // between two looks
      const unsure = propagation.stale()
      faults.fails = false
      yield* poll
      yield* settle

      assert.isTrue(unsure)
      assert.deepStrictEqual(heard, ["stale", "fresh"])
    }).pipe(Effect.provide(layerWith(faults)))
  })

  it.effect("P3 an answer of the log that does not reach the head confirms nothing", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      yield* settle
      yield* commit("a")
      faults.emptyLog = true
      yield* TestClock.adjust("4 seconds")
      const unsure = propagation.stale()
      faults.emptyLog = false
      yield* TestClock.adjust("1 second")

      assert.isTrue(unsure)
      assert.isFalse(propagation.stale())
    }).pipe(Effect.provide(layerWith(faults)))
  })

  it.effect("P7 a database that answers while this process is busy leaves the view fresh", () => {
    const faults = new Faults()
    let busy = 0n
    return Effect.gen(function* () {
      const propagation = yield* Propagation
      const heard = yield* listen
      yield* settle
      yield* poll
      faults.gate.closeUnsafe() // answers wait to be read
      yield* TestClock.adjust("1 second")
      busy += 2_900_000_000n
      yield* TestClock.adjust("4 seconds")
      const during = propagation.stale()
      faults.gate.openUnsafe()
      yield* poll

      assert.isFalse(during)
      assert.deepStrictEqual(heard, [])
    }).pipe(
      Effect.provide(
        layerWith(faults).pipe(Layer.provide(Layer.succeed(Loop, { busy: () => busy, recent: () => busy })))
      )
    )
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
    }).pipe(Effect.provide(layerWith(faults, { cacheBytes: 0 })))
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
    }).pipe(Effect.provide(layerWith(faults, { cacheBytes: 0 })))
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
    }).pipe(Effect.provide(layerWith(faults, { cacheBytes: 0 })))
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
    }).pipe(Effect.provide(layerWith(faults, { cacheBytes: 0 })))
  })
})
