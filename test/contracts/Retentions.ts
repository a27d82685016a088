/** What every retention must do. Run by Memory.test.ts and Postgres.test.ts. */

import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { Commits } from "../../src/commits/Commits.ts"
import { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import type { DeliveryRow } from "../../src/fleet/Instance.ts"
import { InstanceStore } from "../../src/fleet/InstanceStore.ts"
import { Leases } from "../../src/leases/Leases.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import { RetentionStore } from "../../src/retention/RetentionStore.ts"
import { instance, delivery as sent } from "../support/Instance.ts"
import { change, release } from "../support/Release.ts"
import { sweep } from "../support/sweep.ts"

type Services = Commits | ConfigurationStore | RevisionLog | Leases | RetentionStore | InstanceStore
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

let names = 0
const fresh = (name: string) => `retention.${name}.${++names}.${process.pid}`
const all = { keepMillis: 0, keepAtLeast: 1 }

const commit = (key: string, value: string | null, more = {}) =>
  Effect.flatMap(Commits, (commits) => commits.commit(release([change(key, value)], more)))
const commits = (n: number, key = fresh("key")) =>
  Effect.forEach(Array.from({ length: n }), (_, i) => commit(key, String(i)), { discard: true })
/** Times are kept in milliseconds: what is committed now is old then. */
const sweepAll = Effect.andThen(Effect.sleep(5), sweep(all))

export const retentionContract = (test: Test) => {
  test("RT3 the horizon is what was swept, and nothing behind it is read", () =>
    Effect.gen(function* () {
      const log = yield* RevisionLog
      yield* commits(5)
      const { revision } = yield* log.head
      yield* sweepAll

      assert.strictEqual(yield* log.horizon, revision - 1n)
      assert.strictEqual((yield* log.after(revision - 1n, 10))?.length, 1)
      assert.isUndefined(yield* log.after(revision - 2n, 10))
      assert.isUndefined(yield* log.after(0n, 10))
      assert.strictEqual(yield* sweep(all), 0)
      assert.strictEqual(yield* log.horizon, revision - 1n)
    }))

  test("LE1 RT1 a step under a lease that was taken changes nothing", () =>
    Effect.gen(function* () {
      const [log, leases, store] = [yield* RevisionLog, yield* Leases, yield* RetentionStore]
      yield* commits(3)
      yield* Effect.sleep(5)
      const lease = (yield* leases.claim("retention", "test", 60_000))!
      const before = yield* log.horizon
      assert.isUndefined(yield* store.step({ ...lease, token: lease.token - 1n }, 60_000, all))
      assert.strictEqual(yield* log.horizon, before)
      assert.isDefined(yield* store.step(lease, 60_000, all))
      assert.isTrue((yield* log.horizon) > before)
    }))

  test("RT3 an idempotency key ends with its revision, and can be used again", () =>
    Effect.gen(function* () {
      const idempotency = { key: fresh("request"), digest: "d" }
      const first = yield* commit(fresh("key"), "1", { idempotency })
      yield* commits(1)
      assert.isTrue((yield* commit(fresh("key"), "1", { idempotency })).replayed)
      yield* sweepAll
      const again = yield* commit(fresh("key"), "1", { idempotency })
      assert.isFalse(again.replayed)
      assert.isTrue(again.revision.revision > first.revision.revision)
    }))

  test("W4 a tombstone behind the horizon is no head any more; its key goes on where it was", () =>
    Effect.gen(function* () {
      const store = yield* ConfigurationStore
      const [old, recent] = [fresh("old"), fresh("recent")]
      const heads = Effect.gen(function* () {
        let page = yield* store.heads(undefined, 1_000)
        const found = [...page.heads]
        while (page.next !== undefined) {
          page = yield* store.heads(page.next, 1_000)
          found.push(...page.heads)
        }
        return found.filter(({ key }) => key === old || key === recent).map(({ key, version }) => [key, version])
      })
      for (const key of [old, recent]) yield* commit(key, "1")
      yield* commit(old, null)
      const held = yield* heads
      yield* commit(recent, null)
      assert.deepStrictEqual(
        held,
        [
          [old, 2],
          [recent, 1]
        ].sort()
      )
      yield* sweepAll

      assert.deepStrictEqual(yield* heads, [[recent, 2]])
      assert.strictEqual((yield* store.history("production", old, { limit: 9, before: undefined })).length, 2)
      assert.strictEqual((yield* Effect.flip(commit(old, null))).name, "NotFound")
      const { revision } = yield* commit(old, "again")
      assert.strictEqual(revision.changes[0]!.version, 3)
      assert.deepStrictEqual(
        yield* heads,
        [
          [old, 3],
          [recent, 2]
        ].sort()
      )
      yield* commit(old, null)
      assert.deepStrictEqual(
        yield* heads,
        [
          [old, 4],
          [recent, 2]
        ].sort()
      )
    }))

  const delivery = (service: string, revision: bigint, more: Partial<DeliveryRow> = {}): DeliveryRow =>
    sent(service, { revision, state: "applied", sentAt: 1_000, answeredAt: 2_000, ...more })
  const shown = (service: string) =>
    Effect.flatMap(InstanceStore, (store) => store.list({ service, limit: 10, keys: 10 }))

  test("RT3 what is said late of a swept revision, or of one that never was, fails no batch; the newest is still shown", () =>
    Effect.gen(function* () {
      const [store, log] = [yield* InstanceStore, yield* RevisionLog]
      const service = fresh("late")
      yield* commits(5)
      const { revision } = yield* log.head
      yield* store.write({
        instances: [instance(service)],
        deliveries: [delivery(service, revision - 3n)],
        held: [],
        health: []
      })
      yield* sweepAll
      const report = {
        environment: "production",
        service,
        instance: "i1",
        epoch: "e",
        health: "degraded",
        message: "m",
        metrics: {}
      } as const
      yield* store.write({
        instances: [instance(service)],
        deliveries: [
          delivery(service, revision - 3n, { answeredAt: 3_000, state: "rejected", reason: "late" }),
          delivery(service, revision - 2n, { key: "other" }),
          delivery(service, revision + 10_000_000n, { key: "never" })
        ],
        held: [],
        health: [
          { ...report, owner: "", revision: revision - 3n, reportedAt: 5_000 },
          { ...report, owner: "", revision: revision + 10_000_000n, reportedAt: 4_000 }
        ]
      })
      const [row] = yield* shown(service)

      assert.deepStrictEqual(
        row?.keys
          .filter(({ key }) => key !== "never")
          .map(({ key, applied, rejected }) => [key, applied?.at, rejected?.reason]),
        [
          ["other", 2_000, undefined],
          ["svc", undefined, "late"]
        ]
      )
      assert.deepInclude(row?.health, { revision: revision - 3n, reportedAt: 5_000 })
    }))

  test("RT1 LE3 instances that are gone for long end, by the store's clock; one that comes back begins anew", () =>
    Effect.gen(function* () {
      const store = yield* InstanceStore
      const service = fresh("gone")
      const closed = { state: "disconnected", ending: "Closed", opening: false } as const
      const of = (name: string, more = {}) =>
        instance(service, { instance: name, session: `r/${name.slice(1)}`, ...more })
      const names = Effect.map(shown(service), (rows) => rows.map((row) => row.instance))
      yield* store.write({
        instances: [of("i1"), of("i2", { lastSeen: 1_000 }), of("i3", { ...closed, lastSeen: Date.now() + 9e9 })],
        deliveries: [delivery(service, 1n, { session: "r/1" })],
        held: [],
        health: []
      })
      yield* store.write({
        instances: [of("i1", { ...closed, lastSeen: 1_000 })],
        deliveries: [],
        held: [],
        health: []
      })
      yield* sweep({ keepMillis: 3_600_000, keepAtLeast: 1_000_000 })
      assert.deepStrictEqual(yield* names, ["i2", "i1", "i3"]) // whatever the node's clock says
      yield* Effect.sleep(30)
      yield* sweep({ keepMillis: 20, keepAtLeast: 1_000_000 })

      assert.deepStrictEqual(yield* names, ["i2"])
      yield* store.write({ instances: [of("i1", { session: "r/4" })], deliveries: [], held: [], health: [] })
      const [back] = yield* shown(service)
      assert.deepInclude(back, { instance: "i1", state: "connected", keys: [] })
    }))

  test("the list shows connected instances first, each kind in the order of names", () =>
    Effect.gen(function* () {
      const store = yield* InstanceStore
      const service = fresh("first")
      const closed = { state: "disconnected", ending: "Closed" } as const
      const of = (name: string, more = {}) => instance(service, { instance: name, ...more })
      yield* store.write({
        instances: [of("a", closed), of("b"), of("c", closed), of("d"), of("e", { environment: "staging" })],
        deliveries: [],
        held: [],
        health: []
      })
      const names = Effect.fnUntraced(function* (limit: number, environment?: string) {
        const rows = yield* store.list({
          service,
          limit,
          keys: 10,
          ...(environment === undefined ? {} : { environment })
        })
        return rows.map((row) => row.instance).join("")
      })
      assert.strictEqual(yield* names(10), "bdeac")
      assert.strictEqual(yield* names(4), "bdea")
      assert.strictEqual(yield* names(2), "bd")
      assert.strictEqual(yield* names(3, "production"), "bda")
    }))
}
