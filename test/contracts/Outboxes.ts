/** What every outbox must do. Run by Memory.test.ts and Postgres.test.ts; tests of one suite share one outbox. */

import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { Commits } from "../../src/commits/Commits.ts"
import type { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import { Leases } from "../../src/leases/Leases.ts"
import { Outbox } from "../../src/outbox/Outbox.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import type { RetentionStore } from "../../src/retention/RetentionStore.ts"
import { change, release } from "../support/Release.ts"
import { sweep } from "../support/sweep.ts"

type Services = Commits | ConfigurationStore | RevisionLog | Outbox | Leases | RetentionStore
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

export const outboxContract = (test: Test) => {
  test("EV3 LE1 a relay that was overtaken moves nothing", () =>
    Effect.gen(function* () {
      const [leases, outbox] = [yield* Leases, yield* Outbox]
      const first = (yield* leases.claim("relay", "first", 60_000))!
      yield* leases.release(first)
      const second = (yield* leases.claim("relay", "second", 60_000))!
      const { position, head } = yield* outbox.backlog
      assert.isFalse(yield* outbox.advance(first, { ...head, revision: head.revision + 1n }, 60_000))
      assert.deepStrictEqual((yield* outbox.backlog).position, position)
      const again = (yield* leases.claim("relay", "second", 60_000))!
      assert.isFalse(yield* outbox.advance(second, head, 60_000))
      assert.isTrue(yield* outbox.advance(again, position, 60_000))
      yield* leases.release(again)
    }))

  test("EV2 the backlog is what was committed behind the position", () =>
    Effect.gen(function* () {
      const [leases, outbox, commits] = [yield* Leases, yield* Outbox, yield* Commits]
      const { revision } = yield* commits.commit(release([change(`outbox.${process.pid}`, "1")]))
      const lease = (yield* leases.claim("relay", "reader", 60_000))!
      assert.isTrue(yield* outbox.advance(lease, { epoch: revision.epoch, revision: revision.revision - 1n }, 60_000))
      const before = yield* outbox.backlog
      assert.deepStrictEqual(before.head, { epoch: revision.epoch, revision: revision.revision })
      assert.strictEqual(before.waitingSince, revision.committedAt)
      assert.strictEqual(before.kept, before.position.revision)
      assert.isTrue(yield* outbox.advance(lease, { epoch: revision.epoch, revision: revision.revision }, 60_000))
      assert.isUndefined((yield* outbox.backlog).waitingSince)
      assert.isTrue(yield* outbox.advance(lease, { epoch: "lost", revision: 99n }, 60_000))
      const { kept, oldest } = yield* outbox.backlog
      assert.strictEqual(kept, oldest - 1n)
      yield* leases.release(lease)
    }))

  test("EV2 the retention leaves what a relay has not published", () =>
    Effect.gen(function* () {
      const [leases, outbox, commits, log] = [yield* Leases, yield* Outbox, yield* Commits, yield* RevisionLog]
      const lease = (yield* leases.claim("relay", "sweeper", 60_000))!
      for (let i = 0; i < 5; i++) yield* commits.commit(release([change(`unpublished.${process.pid}`, String(i))]))
      const { head } = yield* outbox.backlog
      const revision = head.revision - 4n
      yield* outbox.advance(lease, { epoch: head.epoch, revision }, 60_000)
      yield* Effect.sleep("5 millis")
      yield* sweep({ keepMillis: 0, keepAtLeast: 1 })
      assert.strictEqual((yield* log.after(revision, 10))?.length, 4)
      yield* outbox.advance(lease, head, 60_000)
      yield* sweep({ keepMillis: 0, keepAtLeast: 1 })
      assert.isUndefined(yield* log.after(revision, 10))
      yield* leases.release(lease)
    }))
}
