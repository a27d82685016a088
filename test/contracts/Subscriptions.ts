/** What every store of subscriptions must do. Run by Subscriptions.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { HeraldError } from "../../src/errors/HeraldError.ts"
import { type Claimed, CursorStore, type Flush } from "../../src/subscriptions/CursorStore.ts"
import { DEAD_LETTERS, type Letter } from "../../src/subscriptions/DeadLetter.ts"
import type { Begin } from "../../src/subscriptions/Place.ts"
import type { SavedCursor } from "../../src/subscriptions/SavedCursor.ts"
import { slicesOf } from "../../src/subscriptions/Share.ts"
import { defaults, type SubscriptionType } from "../../src/subscriptions/Subscription.ts"
import { type NewSubscription, SubscriptionStore } from "../../src/subscriptions/SubscriptionStore.ts"

let names = 0
const fresh = () => `topic.${++names}.${process.pid}`

type Test = <E>(name: string, body: () => Effect.Effect<void, E, SubscriptionStore | CursorStore>) => void

const wish = (type: SubscriptionType, change: Partial<NewSubscription> = {}): NewSubscription => ({
  ...{ ...defaults, topicId: 7, topicName: fresh(), subscriptionName: "s", type, startPosition: { at: "earliest" } },
  ...{ slices: slicesOf(type, 2), deadLetterTopic: "dead", ...change }
})

const begins: ReadonlyArray<Begin> = [
  { partition: 0, logEpoch: 3, offset: 10 },
  { partition: 1, logEpoch: 4, offset: 2 ** 50 }
]

const saved = (change: Partial<SavedCursor> = {}): SavedCursor => ({
  ...{ logEpoch: 3, floor: 20, ranges: Uint8Array.from([1, 2, 200, 1, 1]), mark: 99, clean: false },
  failed: [{ offset: 21, attempts: 2, due: 1_795_000_000_000, alone: true, cause: "'\"\\ \ufffd" }],
  ...change
})

const letter = (change: Partial<Letter> = {}): Letter => ({
  ...{ epoch: 1, logEpoch: 3, offset: 20, event: Uint8Array.from([0, 255, 39, 92]), publishedAt: 1_795_000_000_000 },
  ...{ attempts: 16, reason: "attempts", cause: "it said ' and \\", topic: "dead", ...change }
})

const flush = ({ id, token, cursors }: Claimed, change: Partial<Flush> = {}): Flush => ({
  ...{ id, slice: cursors[0]!.slice, token, version: 1, saved: saved(), letters: [], ...change }
})

const make = Effect.fnUntraced(function* (type: SubscriptionType, change: Partial<NewSubscription> = {}) {
  const store = yield* SubscriptionStore
  return yield* store.create(wish(type, change), begins, "someone")
})

export const subscriptionsContract = (test: Test) => {
  test("SM1 a subscription is there with where it begins, and there is one of a name", () =>
    Effect.gen(function* () {
      const store = yield* SubscriptionStore
      const made = yield* make("key_shared", {
        startPosition: { at: "offsets", offsets: { 0: 10 } },
        filter: "a == 'b'"
      })
      assert.deepInclude(made, {
        epoch: 1,
        status: "active",
        reason: "",
        pausedUntil: null,
        createdBy: "someone",
        slices: 8
      })
      assert.deepInclude(made, { ...defaults, filter: "a == 'b'", deadLetterTopic: "dead", type: "key_shared" })
      assert.deepStrictEqual(made.startPosition, { at: "offsets", offsets: { 0: 10 } })
      assert.deepStrictEqual(yield* store.get(made.topicName, "s"), made)
      const progress = yield* store.progress(made.id)
      assert.lengthOf(progress, 16)
      assert.deepInclude(progress[0], { partition: 0, from: 0, to: 8_192, share: 0, logEpoch: 3, floor: 10, failed: 0 })
      assert.deepInclude(progress[8], { partition: 1, from: 0, share: 8, logEpoch: 4, floor: 2 ** 50 })
      const error = yield* Effect.flip(store.create(wish("shared", { topicName: made.topicName }), begins, "other"))
      assert.strictEqual((error as HeraldError).code, "HRLD-2080")
      const another = yield* store.create(
        wish("shared", { topicName: made.topicName, subscriptionName: "t" }),
        begins,
        ""
      )
      const page = { limit: 1, after: undefined }
      assert.deepStrictEqual(
        (yield* store.list(made.topicName, page)).map(({ id }) => id),
        [made.id]
      )
      const rest = yield* store.list(made.topicName, { limit: 9, after: made })
      assert.deepStrictEqual(
        rest.map(({ id }) => id),
        [another.id]
      )
      assert.isTrue(yield* store.remove(made.topicName, "s"))
      assert.isFalse(yield* store.remove(made.topicName, "s"))
      assert.isUndefined(yield* store.get(made.topicName, "s"))
      assert.isEmpty(yield* store.progress(made.id))
    }))

  test("SM1 it follows partitions that are added, and leaves the others as they are", () =>
    Effect.gen(function* () {
      const store = yield* SubscriptionStore
      const cursors = yield* CursorStore
      const made = yield* make("failover")
      const [claimed] = yield* cursors.claim("run", [{ id: made.id, share: 0 }], 60_000)
      yield* cursors.flush([flush(claimed!)])
      yield* store.extend(made, [...begins, { partition: 2, logEpoch: 9, offset: 0 }])
      const progress = yield* store.progress(made.id)
      assert.deepStrictEqual(
        progress.map(({ partition, floor }) => [partition, floor]),
        [
          [0, 20],
          [1, 2 ** 50],
          [2, 0]
        ]
      )
      const [again] = yield* cursors.claim("run", [{ id: made.id, share: 0 }], 60_000)
      assert.lengthOf(again!.cursors, 3)
    }))

  test("SN4 a share is one run's at a time, goes on where the last was, and is free when it is given up or its holder is away", () =>
    Effect.gen(function* () {
      const cursors = yield* CursorStore
      const { id } = yield* make("shared")
      const share = { id, share: 8 }
      const [first] = yield* cursors.claim("a", [share, { id, share: 99 }, { id: "0", share: 0 }], 60_000)
      assert.deepInclude(first, { id, epoch: 1, share: 8 })
      assert.deepStrictEqual(first!.cursors[0]!.slice, { partition: 1, from: 0, to: 8_192 })
      assert.deepInclude(first!.cursors[0]!.saved, {
        logEpoch: 4,
        floor: 2 ** 50,
        mark: 2 ** 50,
        clean: true,
        failed: []
      })
      assert.isEmpty(yield* cursors.claim("b", [share], 60_000))
      yield* cursors.flush([flush(first!)])
      yield* cursors.give("b", [{ ...share, token: first!.token }])
      assert.isEmpty(yield* cursors.claim("b", [share], 60_000))
      yield* cursors.give("a", [{ ...share, token: first!.token + 1n }])
      assert.isEmpty(yield* cursors.claim("b", [share], 60_000))
      yield* cursors.give("a", [{ ...share, token: first!.token }])
      const [second] = yield* cursors.claim("b", [share], 1)
      assert.isTrue(second!.token > first!.token)
      assert.deepStrictEqual(second!.cursors[0]!.saved, saved())
      yield* Effect.sleep("20 millis")
      const [third] = yield* cursors.claim("a", [share], 60_000)
      assert.isTrue(third!.token > second!.token)
    }))

  test("SN4 who attends is known with its consumers, in the order in which it came, and holds what it has", () =>
    Effect.gen(function* () {
      const cursors = yield* CursorStore
      const { id, topicName } = yield* make("failover")
      const [a, b] = [`a.${topicName}`, `b.${topicName}`]
      assert.deepStrictEqual((yield* cursors.attend(b, [{ id, consumers: 2 }], 60_000))[0]!.nodes, [
        { run: b, consumers: 2 }
      ])
      yield* Effect.sleep("5 millis")
      const [one] = yield* cursors.attend(
        a,
        [
          { id, consumers: 1 },
          { id: "0", consumers: 1 }
        ],
        60_000
      )
      assert.deepStrictEqual(one!.nodes, [
        { run: b, consumers: 2 },
        { run: a, consumers: 1 }
      ])
      assert.deepStrictEqual(
        one!.shares.map(({ share, run }) => [share, run]),
        [[0, ""]]
      )
      assert.strictEqual(one!.subscription.id, id)
      const [claimed] = yield* cursors.claim(a, [{ id, share: 0 }], 1)
      yield* cursors.attend(a, [{ id, consumers: 1 }], 60_000)
      yield* Effect.sleep("20 millis")
      assert.isEmpty(yield* cursors.claim(b, [{ id, share: 0 }], 60_000))
      const [two] = yield* cursors.attend(b, [{ id, consumers: 0 }], 60_000)
      assert.deepStrictEqual(two!.nodes, [{ run: a, consumers: 1 }])
      assert.deepStrictEqual(two!.shares, [{ share: 0, run: a, token: claimed!.token }])
      yield* cursors.attend(a, [], 1)
      yield* Effect.sleep("20 millis")
      const [three] = yield* cursors.attend(b, [{ id, consumers: 0 }], 60_000)
      assert.deepStrictEqual([three!.nodes, three!.shares[0]!.run], [[], ""])
    }))

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
      assert.deepStrictEqual(yield* cursors.flush(flushes), { lost: [0], full: [] })
      assert.deepStrictEqual(
        (yield* store.progress(id)).slice(0, 2).map(({ floor }) => floor),
        [10, 20]
      )
      const letters = yield* store.deadLetters(id, { limit: 9, after: 0 })
      assert.deepStrictEqual(
        letters.map(({ offset }) => offset),
        [1]
      )
      // Its own claim ends what it had, too.
      yield* cursors.claim("a", [both[1]!], 60_000)
      assert.deepStrictEqual(yield* cursors.flush([flush(old[1]!, { version: 9 })]), { lost: [0], full: [] })
    }))

  test("SN1 of many that claim at once one gets each, and that one alone writes", () =>
    Effect.gen(function* () {
      const cursors = yield* CursorStore
      const { id } = yield* make("shared")
      const shares = Array.from({ length: 16 }, (_, share) => ({ id, share }))
      for (let round = 0; round < 3; round++) {
        const runs = Array.from({ length: 6 }, (_, n) => `run${round}.${n}`)
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
      assert.deepStrictEqual(yield* cursors.flush([flush(claimed!, { version: 1 })]), { lost: [], full: [] })
      assert.strictEqual((yield* store.progress(id))[0]!.floor, 22)
      yield* cursors.flush([flush(claimed!, { version: 3, saved: saved({ floor: 23, ranges: new Uint8Array() }) })])
      assert.deepInclude((yield* store.progress(id))[0], { floor: 23, ranges: new Uint8Array(), failed: 1 })
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
      const letters = yield* store.deadLetters(id, { limit: 9, after: 0 })
      assert.lengthOf(letters, 2)
      assert.deepInclude(letters[0], { ...letter(), partition: 0 })
      assert.deepInclude(letters[1], { offset: 21, publishedAt: null, reason: "rejected" })
      assert.deepStrictEqual(yield* store.deadLetters(id, { limit: 1, after: letters[0]!.id }), [letters[1]!])
      assert.strictEqual(yield* store.bury(id, [letters[0]!.id, letters[0]!.id, 0]), 1)
      assert.strictEqual(yield* store.bury(id, [letters[0]!.id]), 0)
      assert.deepStrictEqual(yield* store.deadLetters(id, { limit: 9, after: 0 }), [letters[1]!])
    }))

  test("SN3 there are so many dead letters at most; then nothing of the subscription is written", () =>
    Effect.gen(function* () {
      const store = yield* SubscriptionStore
      const cursors = yield* CursorStore
      const [one, two] = [yield* make("shared"), yield* make("shared")]
      const [first] = yield* cursors.claim("a", [{ id: one.id, share: 0 }], 60_000)
      const [second] = yield* cursors.claim("a", [{ id: two.id, share: 0 }], 60_000)
      const letters = Array.from({ length: DEAD_LETTERS }, (_, offset) => letter({ offset }))
      assert.deepStrictEqual(yield* cursors.flush([flush(first!, { letters })]), { lost: [], full: [] })
      const more = flush(first!, {
        version: 2,
        saved: saved({ floor: 50 }),
        letters: [letter({ offset: DEAD_LETTERS })]
      })
      assert.deepStrictEqual(yield* cursors.flush([more, flush(second!)]), { lost: [], full: [one.id] })
      assert.strictEqual((yield* store.progress(one.id))[0]!.floor, 20)
      assert.strictEqual((yield* store.progress(two.id))[0]!.floor, 20)
    }))

  test("SM2 a position that is set anew ends what was: nobody writes, and what begins begins there", () =>
    Effect.gen(function* () {
      const store = yield* SubscriptionStore
      const cursors = yield* CursorStore
      const made = yield* make("failover")
      const share = { id: made.id, share: 0 }
      const [claimed] = yield* cursors.claim("a", [share], 60_000)
      yield* cursors.flush([flush(claimed!, { letters: [letter()] })])
      const to = [{ partition: 0, logEpoch: 5, offset: 3 }]
      const sought = (yield* store.seek(made.topicName, "s", to))!
      assert.strictEqual(sought.epoch, 2)
      assert.deepStrictEqual(yield* cursors.flush([flush(claimed!, { version: 2 })]), { lost: [0], full: [] })
      const [again] = yield* cursors.claim("b", [share], 60_000)
      assert.strictEqual(again!.epoch, 2)
      assert.deepStrictEqual(again!.cursors[0]!.saved, {
        ...saved({ failed: [] }),
        logEpoch: 5,
        floor: 3,
        mark: 3,
        ranges: new Uint8Array(),
        clean: true
      })
      assert.strictEqual(again!.cursors[1]!.saved.floor, 2 ** 50)
      yield* cursors.flush([flush(again!, { letters: [letter({ epoch: 2 })] })])
      assert.lengthOf(yield* store.deadLetters(made.id, { limit: 9, after: 0 }), 2)
      assert.isUndefined(yield* store.seek(made.topicName, "none", to))
    }))

  test("SM2 its status is changed for the position that it was decided on", () =>
    Effect.gen(function* () {
      const store = yield* SubscriptionStore
      const made = yield* make("shared")
      const paused = (yield* store.change(made, { status: "paused", reason: "", pausedMillis: 60_000 }))!
      assert.strictEqual(paused.status, "paused")
      assert.isAbove(paused.pausedUntil!, paused.lastActivity)
      const broken = (yield* store.change(made, { status: "error", reason: "it's \\", pausedMillis: null }))!
      assert.deepInclude(broken, { status: "error", reason: "it's \\", pausedUntil: null })
      assert.isUndefined(
        yield* store.change({ ...made, epoch: 2 }, { status: "active", reason: "", pausedMillis: null })
      )
      assert.deepStrictEqual(yield* store.get(made.topicName, "s"), broken)
    }))
}
