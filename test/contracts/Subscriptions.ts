/** What every store of subscriptions must do. Run by Subscriptions.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import type { HeraldError } from "../../src/errors/HeraldError.ts"
import { CursorStore } from "../../src/subscriptions/CursorStore.ts"
import { defaults } from "../../src/subscriptions/Subscription.ts"
import { SubscriptionStore } from "../../src/subscriptions/SubscriptionStore.ts"

import { begins, flush, letter, make, saved, type Test, wish } from "./SubscriptionWishes.ts"

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
      const scoped = (names: ReadonlyArray<string>, prefixes: ReadonlyArray<string>) =>
        Effect.map(store.list("", { ...page, scope: { names, prefixes } }), (all) => all.map(({ id }) => id))
      const { topicName } = made
      assert.deepStrictEqual(yield* scoped([topicName], []), [made.id])
      assert.deepStrictEqual(yield* scoped([], [topicName.slice(0, -1)]), [made.id])
      assert.deepStrictEqual(yield* scoped([`${topicName}x`], [`${topicName}/`]), [])
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
      const [claimed] = yield* cursors.claim("a", [{ id: made.id, share: 0 }], 60_000)
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
      const [again] = yield* cursors.claim("a", [{ id: made.id, share: 0 }], 60_000)
      assert.lengthOf(again!.cursors, 3)
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
      assert.deepStrictEqual(yield* cursors.flush([flush(claimed!, { version: 2 })]), {
        lost: [0],
        full: [],
        locked: []
      })
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
      assert.lengthOf(yield* store.deadLetters(made.id, { limit: 9, after: 0, maxBytes: 1_000_000 }), 2)
      assert.isUndefined(yield* store.seek(made.topicName, "none", to))
    }))

  test("SM5 SI4 what is said of it is changed by whoever knows its version, and what is left out stays", () =>
    Effect.gen(function* () {
      const store = yield* SubscriptionStore
      const made = yield* make("key_shared", { filter: "a == 1" })
      assert.strictEqual(made.version, 1)
      const change = { maxAttempts: 5, backoffMillis: [7, 70], deadLetterTopic: `dead.${made.topicName}` }
      const changed = (yield* store.update(made, change))!
      assert.deepStrictEqual({ ...changed, lastActivity: 0 }, { ...made, ...change, version: 2, lastActivity: 0 })
      assert.deepStrictEqual(yield* store.get(made.topicName, "s"), changed)
      assert.isUndefined(yield* store.update(made, { maxInFlight: 3 }))
      assert.isUndefined(yield* store.update({ ...made, id: "999999999" }, { maxInFlight: 3 }))
      const rest = { maxInFlight: 3, ackTimeoutMillis: 5_000, consumerGroup: "team" }
      assert.deepInclude((yield* store.update(changed, rest))!, { ...change, ...rest, version: 3, epoch: 1 })
      const to = yield* store.deadLettersTo(change.deadLetterTopic, 9)
      assert.deepStrictEqual(
        to.map(({ id }) => id),
        [made.id]
      )
      assert.isEmpty(yield* store.deadLettersTo("", 9))
    }))

  test("SM5 what is tried again is told, what is due first at first", () =>
    Effect.gen(function* () {
      const store = yield* SubscriptionStore
      const cursors = yield* CursorStore
      const made = yield* make("failover")
      const [claimed] = yield* cursors.claim("a", [{ id: made.id, share: 0 }], 60_000)
      const one = { attempts: 2, alone: false, cause: "'\"\\ \ufffd", rejected: false }
      const failed = [3, 1, 2, 0].map((due, n) => ({ ...one, offset: 21 + n, due, rejected: due === 0 }))
      yield* cursors.flush([flush(claimed!, { saved: saved({ failed }) })])
      const told = yield* store.retrying(made.id, 2)
      assert.deepStrictEqual(told, [
        { partition: 0, logEpoch: 3, ...one, offset: 22, due: 1 },
        { partition: 0, logEpoch: 3, ...one, offset: 23, due: 2 }
      ])
      assert.isEmpty(yield* store.retrying("999999999", 2))
    }))

  test("SM4 what somebody does is in the audit log with it, and what failed is not", () =>
    Effect.gen(function* () {
      const store = yield* SubscriptionStore
      const log = yield* AuditLog
      const note = (message: string) => ({ by: "ann", keyId: "k1", message })
      const its = wish("shared")
      const made = yield* store.create(its, begins, "ann", note("new"))
      const { topicName } = made
      yield* Effect.flip(store.create(its, begins, "ann", note("twice")))
      yield* store.update(made, { maxAttempts: 4 }, note("fewer"))
      yield* store.update(made, { maxAttempts: 5 }, note("late"))
      yield* store.change(made, { status: "paused", reason: "", pausedMillis: 5 }, note(""))
      yield* store.change({ ...made, epoch: 9 }, { status: "active", reason: "", pausedMillis: null }, note("late"))
      yield* store.seek(topicName, "s", begins, note("again"))
      yield* store.seek(topicName, "none", begins, note("none"))
      yield* store.change({ ...made, epoch: 2 }, { status: "active", reason: "", pausedMillis: null })
      yield* store.remove(topicName, "s", note("gone"))
      yield* store.remove(topicName, "s", note("twice"))
      const entries = (yield* log.read({ limit: 100 })).filter(({ details }) => details["id"] === made.id)
      const whole = { id: made.id, topic: topicName, subscription: "s", keyId: "k1" }
      assert.deepStrictEqual(
        entries.map(({ action, performedBy, details }) => ({ action, performedBy, details })).toReversed(),
        [
          { action: "subscription.create", details: { ...whole, message: "new", type: "shared" } },
          { action: "subscription.update", details: { ...whole, message: "fewer", change: { maxAttempts: 4 } } },
          { action: "subscription.paused", details: { ...whole, pausedMillis: 5 } },
          { action: "subscription.seek", details: { ...whole, message: "again", begins } },
          { action: "subscription.delete", details: { ...whole, message: "gone" } }
        ].map((entry) => ({ ...entry, performedBy: "ann" }))
      )
    }))

  test("SM6 what is stopped is only resumed: no pause and no error is written over it, and it keeps where it is", () =>
    Effect.gen(function* () {
      const store = yield* SubscriptionStore
      const log = yield* AuditLog
      const made = yield* make("shared")
      const note = { by: "ann", keyId: "k1", message: "" }
      const before = yield* store.progress(made.id)
      const to = (status: "active" | "paused" | "error" | "stopped") => ({ status, reason: "", pausedMillis: null })
      yield* store.change(made, { ...to("error"), reason: "it failed" })
      const stopped = (yield* store.change(made, to("stopped"), note))!
      assert.deepInclude(stopped, { status: "stopped", reason: "", pausedUntil: null })
      assert.isUndefined(yield* store.change(made, { ...to("paused"), pausedMillis: 5 }, note))
      assert.isUndefined(yield* store.change(made, { ...to("error"), reason: "late" }))
      assert.deepStrictEqual(yield* store.get(made.topicName, "s"), stopped)
      assert.deepInclude(yield* store.change(made, to("stopped")), { status: "stopped" })
      const moved = (yield* store.seek(made.topicName, "s", []))!
      assert.deepInclude(moved, { status: "stopped", epoch: 2 })
      assert.deepStrictEqual(yield* store.progress(made.id), before)
      assert.deepInclude(yield* store.change(moved, to("active"), note), { status: "active" })
      const entries = (yield* log.read({ limit: 100 })).filter(({ details }) => details["id"] === made.id)
      assert.deepStrictEqual(
        entries.map(({ action }) => action),
        ["subscription.active", "subscription.stopped"]
      )
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
