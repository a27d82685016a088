/** What every store of cursors must do. Run by Subscriptions.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { CursorStore } from "../../src/subscriptions/CursorStore.ts"
import { DEAD_LETTERS } from "../../src/subscriptions/DeadLetter.ts"
import { SubscriptionStore } from "../../src/subscriptions/SubscriptionStore.ts"
import { flush, letter, make, running, saved, type Test } from "./SubscriptionWishes.ts"

export const cursorsContract = (test: Test) => {
  test("SN1 who was overtaken writes nothing, of what others have neither a state nor a dead letter", () =>
    Effect.gen(function* () {
      const store = yield* SubscriptionStore
      const cursors = yield* CursorStore
      const { id } = yield* make("shared")
      const both = [0, 1].map((share) => ({ id, share }))
      const old = yield* cursors.claim("a", both, 1)
      yield* Effect.sleep("20 millis")
      yield* cursors.claim("b", [both[0]!], 60_000)
      const flushes = old.map((one) => flush(one, { letters: [letter({ offset: one.share })] }))
      assert.deepStrictEqual(yield* cursors.flush(flushes), { lost: [0], full: [], locked: [] })
      assert.deepStrictEqual(
        (yield* store.progress(id)).slice(0, 2).map(({ floor }) => floor),
        [10, 20]
      )
      const letters = yield* store.deadLetters(id, { limit: 9, after: 0, maxBytes: 1_000_000 })
      assert.deepStrictEqual(
        letters.map(({ offset }) => offset),
        [1]
      )
      // Its own claim ends what it had, too.
      yield* cursors.claim("a", [both[1]!], 60_000)
      assert.deepStrictEqual(yield* cursors.flush([flush(old[1]!, { version: 9 })]), {
        lost: [0],
        full: [],
        locked: []
      })
    }))

  test("SN1 of many that claim at once one gets each, and that one alone writes", () =>
    Effect.gen(function* () {
      const cursors = yield* CursorStore
      const { id } = yield* make("shared")
      const shares = Array.from({ length: 16 }, (_, share) => ({ id, share }))
      for (let round = 0; round < 3; round++) {
        const runs = Array.from({ length: 6 }, (_, n) => `run${round}.${n}`)
        yield* running(runs)
        const claims = yield* Effect.forEach(
          runs,
          (run, n) => cursors.claim(run, n % 2 === 0 ? shares : shares.toReversed(), 60_000),
          {
            concurrency: 6
          }
        )
        const taken = claims.flat()
        assert.deepStrictEqual(
          taken.map(({ share }) => share).sort((a, b) => a - b),
          shares.map(({ share }) => share)
        )
        const written = yield* Effect.forEach(claims, (its) => cursors.flush(its.map((one) => flush(one))), {
          concurrency: 6
        })
        assert.isTrue(written.every(({ lost }) => lost.length === 0))
        for (const [n, run] of runs.entries())
          yield* cursors.give(
            run,
            claims[n]!.map(({ share, token }) => ({ id, share, token }))
          )
      }
    }))

  test("SN2 the newest state stays, in whatever order they come", () =>
    Effect.gen(function* () {
      const store = yield* SubscriptionStore
      const cursors = yield* CursorStore
      const { id } = yield* make("shared")
      const [claimed] = yield* cursors.claim("a", [{ id, share: 0 }], 60_000)
      yield* cursors.flush([flush(claimed!, { version: 2, saved: saved({ floor: 22 }) })])
      assert.deepStrictEqual(yield* cursors.flush([flush(claimed!, { version: 1 })]), {
        lost: [],
        full: [],
        locked: []
      })
      assert.strictEqual((yield* store.progress(id))[0]!.floor, 22)
      yield* cursors.flush([flush(claimed!, { version: 3, saved: saved({ floor: 23, ranges: new Uint8Array() }) })])
      assert.deepInclude((yield* store.progress(id))[0], { floor: 23, ranges: new Uint8Array(), failed: 1 })
    }))

  test("SN2 what is no whole number is refused, and changes nothing", () =>
    Effect.gen(function* () {
      const store = yield* SubscriptionStore
      const cursors = yield* CursorStore
      const { id } = yield* make("shared")
      const [claimed] = yield* cursors.claim("a", [{ id, share: 0 }], 60_000)
      for (const change of [{ mark: 312.5 }, { floor: 0.5 }, { logEpoch: Number.NaN }]) {
        const error = yield* Effect.flip(cursors.flush([flush(claimed!, { version: 5, saved: saved(change) })]))
        assert.strictEqual(error._tag, "Unkeepable", JSON.stringify(change))
      }
      yield* cursors.flush([flush(claimed!, { version: 2, saved: saved({ floor: 22 }) })])
      assert.strictEqual((yield* store.progress(id))[0]!.floor, 22)
    }))

  test("SN3 SM3 a dead letter is written with its state, once, as it was, and stays until it is removed", () =>
    Effect.gen(function* () {
      const store = yield* SubscriptionStore
      const cursors = yield* CursorStore
      const { id } = yield* make("shared")
      const [claimed] = yield* cursors.claim("a", [{ id, share: 0 }], 60_000)
      const first = flush(claimed!, {
        letters: [letter(), letter({ offset: 21, publishedAt: null, reason: "rejected" })]
      })
      yield* cursors.flush([first])
      yield* cursors.flush([{ ...first, version: 2 }])
      const letters = yield* store.deadLetters(id, { limit: 9, after: 0, maxBytes: 1_000_000 })
      assert.lengthOf(letters, 2)
      assert.deepInclude(letters[0], { ...letter(), partition: 0 })
      assert.deepInclude(letters[1], { offset: 21, publishedAt: null, reason: "rejected" })
      assert.deepStrictEqual(yield* store.deadLetters(id, { limit: 1, after: letters[0]!.id, maxBytes: 1_000_000 }), [
        letters[1]!
      ])
      assert.strictEqual(yield* store.bury(id, [letters[0]!.id, letters[0]!.id, 0], "drop"), 1)
      assert.strictEqual(yield* store.bury(id, [letters[0]!.id], "drop"), 0)
      assert.deepStrictEqual(yield* store.deadLetters(id, { limit: 9, after: 0, maxBytes: 1_000_000 }), [letters[1]!])
    }))

  test("SM3 a page of dead letters is bounded in bytes, and the oldest are removed together", () =>
    Effect.gen(function* () {
      const store = yield* SubscriptionStore
      const cursors = yield* CursorStore
      const { id } = yield* make("shared")
      const [claimed] = yield* cursors.claim("a", [{ id, share: 0 }], 60_000)
      const event = new Uint8Array(100)
      const letters = [20, 21, 22].map((offset) => letter({ offset, event }))
      yield* cursors.flush([flush(claimed!, { letters })])
      const offsets = (maxBytes: number, after = 0) =>
        Effect.map(store.deadLetters(id, { limit: 9, after, maxBytes }), (page) => page.map(({ offset }) => offset))
      assert.deepStrictEqual(yield* offsets(1), [20])
      assert.deepStrictEqual(yield* offsets(299), [20, 21])
      assert.deepStrictEqual(yield* offsets(300), [20, 21, 22])
      yield* cursors.attend("a", [{ id, consumers: 3, lives: [] }], 60_000)
      yield* cursors.attend("b", [{ id, consumers: 1, lives: [] }], 60_000)
      assert.deepStrictEqual(yield* store.counts(id), { consumers: 4, deadLetters: 3 })
      assert.strictEqual(yield* store.bury(id, 2, "drop"), 2)
      assert.deepStrictEqual(yield* offsets(300), [22])
      assert.strictEqual(yield* store.bury(id, 2, "replay"), 1)
      assert.deepInclude(yield* store.counts(id), { deadLetters: 0 })
    }))

  test("SN3 there are so many dead letters at most; then nothing of the subscription is written", () =>
    Effect.gen(function* () {
      const store = yield* SubscriptionStore
      const cursors = yield* CursorStore
      const [one, two] = [yield* make("shared"), yield* make("shared")]
      const [first] = yield* cursors.claim("a", [{ id: one.id, share: 0 }], 60_000)
      const [second] = yield* cursors.claim("a", [{ id: two.id, share: 0 }], 60_000)
      const letters = Array.from({ length: DEAD_LETTERS }, (_, offset) => letter({ offset }))
      assert.deepStrictEqual(yield* cursors.flush([flush(first!, { letters })]), { lost: [], full: [], locked: [] })
      const more = flush(first!, {
        version: 2,
        saved: saved({ floor: 50 }),
        letters: [letter({ offset: DEAD_LETTERS })]
      })
      // Those that are there, as the answer to their write was lost, are no more than before.
      const again = flush(first!, { letters: letters.slice(-9) })
      assert.deepStrictEqual(yield* cursors.flush([again]), { lost: [], full: [], locked: [] })
      assert.deepStrictEqual(yield* cursors.flush([more, flush(second!)]), { lost: [], full: [one.id], locked: [] })
      assert.strictEqual((yield* store.progress(one.id))[0]!.floor, 20)
      assert.strictEqual((yield* store.progress(two.id))[0]!.floor, 20)
    }))
}
