/** What every outbox must do. Run by Memory.test.ts and Postgres.test.ts; tests of one suite share one outbox. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import { Outbox } from "../../src/events/Outbox.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import { change, release } from "./Stores.ts"

type Test = <E>(name: string, body: () => Effect.Effect<void, E, ConfigurationStore | RevisionLog | Outbox>) => void

export const outboxContract = (test: Test) => {
  test("EV3 one holder at a time; tokens grow, and an old one moves nothing", () =>
    Effect.gen(function* () {
      const outbox = yield* Outbox
      const first = (yield* outbox.claim("first", 60_000))!
      assert.isUndefined(yield* outbox.claim("second", 60_000))
      yield* outbox.release(first)
      const second = (yield* outbox.claim("second", 60_000))!
      assert.isTrue(second > first)
      const { position, head } = yield* outbox.backlog
      assert.isFalse(yield* outbox.advance(first, head, 60_000))
      yield* outbox.release(first)
      assert.isUndefined(yield* outbox.claim("third", 60_000))
      assert.deepStrictEqual((yield* outbox.backlog).position, position)
      const again = (yield* outbox.claim("second", 60_000))!
      assert.isTrue(again > second)
      assert.isFalse(yield* outbox.advance(second, head, 60_000))
      yield* outbox.release(again)
    }))

  test("EV3 a lease that has passed can be taken", () =>
    Effect.gen(function* () {
      const outbox = yield* Outbox
      assert.isDefined(yield* outbox.claim("short", 1))
      yield* Effect.sleep("50 millis")
      const next = yield* outbox.claim("next", 60_000)
      assert.isDefined(next)
      yield* outbox.release(next!)
    }))

  test("EV2 the backlog is what was committed behind the position", () =>
    Effect.gen(function* () {
      const [outbox, store] = [yield* Outbox, yield* ConfigurationStore]
      const { revision } = yield* store.commit(release([change(`outbox.${process.pid}`, "1")]))
      const token = (yield* outbox.claim("reader", 60_000))!
      assert.isTrue(yield* outbox.advance(token, { epoch: revision.epoch, revision: revision.revision - 1n }, 60_000))
      const before = yield* outbox.backlog
      assert.deepStrictEqual(before.head, { epoch: revision.epoch, revision: revision.revision })
      assert.strictEqual(before.waitingSince, revision.committedAt)
      assert.strictEqual(before.kept, before.position.revision)
      assert.isTrue(yield* outbox.advance(token, { epoch: revision.epoch, revision: revision.revision }, 60_000))
      assert.isUndefined((yield* outbox.backlog).waitingSince)
      assert.isTrue(yield* outbox.advance(token, { epoch: "lost", revision: 99n }, 60_000))
      const { kept, oldest } = yield* outbox.backlog
      assert.strictEqual(kept, oldest - 1n)
      yield* outbox.release(token)
    }))

  test("EV2 the retention leaves what a relay has not published", () =>
    Effect.gen(function* () {
      const [outbox, store, log] = [yield* Outbox, yield* ConfigurationStore, yield* RevisionLog]
      const token = (yield* outbox.claim("sweeper", 60_000))!
      for (let i = 0; i < 5; i++) yield* store.commit(release([change(`unpublished.${process.pid}`, String(i))]))
      const { head } = yield* outbox.backlog
      const revision = head.revision - 4n
      yield* outbox.advance(token, { epoch: head.epoch, revision }, 60_000)
      yield* Effect.sleep("5 millis")
      yield* log.sweep({ keepMillis: 0, keepAtLeast: 1 })
      assert.strictEqual((yield* log.after(revision, 10)).length, 4)
      yield* outbox.advance(token, head, 60_000)
      yield* log.sweep({ keepMillis: 0, keepAtLeast: 1 })
      assert.strictEqual((yield* Effect.flip(log.after(revision, 10))).name, "NotFound")
      yield* outbox.release(token)
    }))
}
