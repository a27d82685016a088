/** What every store must do with changes of more than one kind. Run by test/commits/Commits.test.ts and Kinds.test.ts. */
import { assert } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { Access } from "../../src/access/Access.ts"
import type { AuditLog } from "../../src/audit/AuditLog.ts"
import { Commits } from "../../src/commits/Commits.ts"
import type { Release } from "../../src/commits/Release.ts"
import { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import { configurationUpdates } from "../../src/configuration/ConfigurationUpdates.ts"
import type { ConfigurationWish } from "../../src/configuration/Wish.ts"
import type { InstanceStore } from "../../src/fleet/InstanceStore.ts"
import { nameOf } from "../../src/keys/Name.ts"
import { Leases } from "../../src/leases/Leases.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import type { Change } from "../../src/propagation/Revision.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import { RetentionStore } from "../../src/retention/RetentionStore.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import * as Sources from "../../src/updates/Sources.ts"
import type { UsageStore } from "../../src/usage/UsageStore.ts"
import { FakeSink } from "../support/FakeSink.ts"
import { change, release } from "../support/Release.ts"
import { applied, subscription } from "../support/Subscription.ts"
import { propagation, ToyStore, type ToyWish, toy, toyUpdates } from "../support/Toy.ts"
import { below, sessions } from "../support/Twins.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { verified } from "./Verified.ts"

type Services =
  | Commits
  | ConfigurationStore
  | RevisionLog
  | AuditLog
  | Leases
  | RetentionStore
  | UsageStore
  | InstanceStore
  | ToyStore
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

let names = 0
const fresh = (name: string) => `${name}.${++names}.${process.pid}`

const commit = (changes: ReadonlyArray<ConfigurationWish | ToyWish>, more: Partial<Release> = {}) =>
  Effect.flatMap(Commits, (commits) => commits.commit<Change>({ ...release([]), ...more, changes }))

const countOf = (key: string) =>
  Effect.map(
    Effect.flatMap(ToyStore, (store) => store.all),
    ({ toys }) => toys.find((one) => one.key === key)?.count
  )

/** A node over the stores that the test has. */
const node = Effect.gen(function* () {
  const stores = Layer.succeedContext(yield* Effect.context<Services>())
  const access = Layer.mock(Access, { stillValid: () => Effect.succeed(true) })
  return yield* Layer.build(
    Layer.fresh(
      sessions({}, Sources.layer(configurationUpdates, toyUpdates)).pipe(
        Layer.provideMerge(propagation),
        Layer.provideMerge(Layer.merge(below(stores), access))
      )
    )
  )
})

export const kindsContract = (test: Test) => {
  test("W1 W2 changes of two kinds are one revision, in the order in which they were asked for, and the log has them so", () =>
    Effect.gen(function* () {
      const log = yield* RevisionLog
      const before = yield* log.head
      const [a, b] = [fresh("mixed"), fresh("mixed")]
      const { revision } = yield* commit([toy(b, 1), change(a, "1"), toy(a, 2)])

      assert.strictEqual(revision.revision, before.revision + 1n)
      assert.deepStrictEqual(
        revision.changes.map(({ kind, key }) => [kind, key]),
        [
          ["toy", b],
          ["configuration", a],
          ["toy", a]
        ]
      )
      assert.deepStrictEqual(yield* log.after(before.revision, 10), [revision])
      assert.deepStrictEqual([yield* countOf(a), yield* countOf(b)], [2, 1])
    }))

  test("W1 W5 what the rules of one kind refuse takes the changes of the others with it, and nobody else's", () =>
    Effect.gen(function* () {
      const [store, log] = [yield* ConfigurationStore, yield* RevisionLog]
      const key = fresh("refused")
      yield* commit([toy(key, 5)])
      const before = yield* log.head
      const [refused, beside] = yield* Effect.all(
        [Effect.exit(commit([change(key, "1"), toy(key, 5)])), Effect.exit(commit([toy(fresh("beside"), 1)]))],
        { concurrency: "unbounded" }
      )
      const other = yield* Effect.flip(commit([toy(key, 6), change(key, "1", { expectedVersion: 3 })]))

      assert.strictEqual(refused._tag, "Failure")
      assert.strictEqual(beside._tag, "Success")
      assert.strictEqual(other.name, "VersionConflict")
      assert.isUndefined(yield* store.current("production", key))
      assert.strictEqual(yield* countOf(key), 5)
      assert.strictEqual((yield* log.head).revision, before.revision + 1n)
    }))

  test("W3 a mix that comes again with its idempotency key gets the first answer, whole", () =>
    Effect.gen(function* () {
      const key = fresh("again")
      const idempotency = { key: fresh("request"), digest: "d" }
      const first = yield* commit([change(key, "1"), toy(key, 1)], { idempotency })
      const second = yield* commit([change(key, "1"), toy(key, 1)], { idempotency })

      assert.deepStrictEqual(second, { revision: first.revision, replayed: true })
      assert.deepStrictEqual(yield* (yield* Commits).earlier({ ...idempotency, owner: "tester" }), {
        revision: first.revision,
        replayed: true
      })
    }))

  test("the audit log tells of a change of every kind, and a check finds it as it was", () =>
    Effect.gen(function* () {
      const before = yield* verified
      const key = fresh("audited")
      yield* commit([toy(key, 1), change(key, "1")])
      const after = yield* verified

      assert.isUndefined(after.problem)
      assert.strictEqual(after.entries, before.entries + 2)
    }))

  test("every kind sweeps what is behind the horizon", () =>
    Effect.gen(function* () {
      const key = fresh("swept")
      for (const n of [1, 2, 3]) yield* commit([toy(key, n)])
      yield* Effect.sleep(5)
      const [leases, store, log] = [yield* Leases, yield* RetentionStore, yield* RevisionLog]
      const lease = (yield* leases.claim("retention", "test", 60_000))!
      const swept = yield* store.step(lease, 60_000, { keepMillis: 0, keepAtLeast: 1 })

      assert.isAtLeast(swept?.kinds["toy"] ?? 0, 2)
      assert.isUndefined(yield* log.after(0n, 10))
    }))

  test("a mix is published, followed, seen in the view of each kind and delivered to those who want it", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const key = fresh("svc")
        yield* commit([change(`${key}.a`, "one"), toy(`${key}.a`, 1)])
        const context = yield* node
        const [service, follows] = [Context.get(context, Sessions), Context.get(context, Propagation)]
        const sink = new FakeSink()
        const patterns = [`${key}.*`, nameOf("toy", `${key}.*`)]
        const session = yield* service.open(subscription({ instance: fresh("i"), patterns }), sink)
        const got = () => sink.values.map((update) => [update.key, update.content])
        yield* Effect.promise(() => waitUntil("what there is", () => sink.values.length === 2))
        for (const update of sink.values) service.heard(session, applied(session, update).answers)
        const { revision } = yield* commit([toy(`${key}.a`, 2), change(`${key}.a`, "two")])
        yield* Effect.promise(() => waitUntil("what changed", () => sink.values.length === 4))

        assert.deepStrictEqual(got(), [
          [`${key}.a`, "one"],
          [`@toy/${key}.a`, "1"],
          [`@toy/${key}.a`, "2"],
          [`${key}.a`, "two"]
        ])
        assert.deepStrictEqual(
          sink.values.slice(2).map((update) => update.revision),
          [revision.revision, revision.revision]
        )
        assert.isAtLeast(Number(follows.position().revision), Number(revision.revision))
      })
    ))
}
