/** What every store of releases must do: whole or not at all, in one order, once. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { Commits } from "../../src/commits/Commits.ts"
import type { Release } from "../../src/commits/Release.ts"
import { configurationsIn } from "../../src/configuration/ConfigurationKind.ts"
import { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import type { ConfigurationWish } from "../../src/configuration/Wish.ts"
import type { Leases } from "../../src/leases/Leases.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import type { RetentionStore } from "../../src/retention/RetentionStore.ts"
import { allHeads } from "../support/allHeads.ts"
import { fresh } from "../support/fresh.ts"
import { change, commit } from "../support/Release.ts"

type Services = Commits | ConfigurationStore | RevisionLog | Leases | RetentionStore
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

export const releasesContract = (test: Test) => {
  test("W1 a release is whole or not at all", () =>
    Effect.gen(function* () {
      const store = yield* ConfigurationStore
      const log = yield* RevisionLog
      const [a, b] = [fresh("a"), fresh("b")]
      const before = yield* log.head
      const failed = yield* Effect.flip(commit([change(a, "1"), change(b, null)], { action: "release" }))

      assert.strictEqual(failed.name, "NotFound")
      assert.isUndefined(yield* store.current("production", a))
      assert.deepStrictEqual(yield* log.head, before)
      const { revision } = yield* commit([change(a, "1"), change(b, "1")], { action: "release" })
      assert.deepStrictEqual(
        revision.changes.map((one) => one.revision),
        [revision.revision, revision.revision]
      )
    }))

  test("an expected version that is not current is a conflict that names both", () =>
    Effect.gen(function* () {
      const key = fresh("conflict")
      yield* commit([change(key, "1", { expectedVersion: 0 })])
      const exists = yield* Effect.flip(commit([change(key, "2", { expectedVersion: 0 })]))
      const wrong = yield* Effect.flip(commit([change(key, "2", { expectedVersion: 7 })]))
      yield* commit([change(key, null, { expectedVersion: 1 })])
      yield* commit([change(key, "again", { expectedVersion: 0 })])

      assert.deepStrictEqual([exists.name, wrong.name], ["VersionConflict", "VersionConflict"])
      assert.deepInclude(wrong.details, { key, environment: "production", expected: 7, current: 1 })
      const gone = yield* Effect.flip(commit([change(fresh("never"), null)]))
      assert.strictEqual(gone.name, "NotFound")
    }))

  test("W6 a release is not committed after the time that it gives itself", () =>
    Effect.gen(function* () {
      const store = yield* ConfigurationStore
      const clock = yield* Clock.Clock
      const key = fresh("until")
      const now = clock.monotonicTimeNanosUnsafe()
      const late = yield* Effect.flip(commit([change(key, "1")], { until: now }))
      const none = yield* store.current("production", key)
      yield* commit([change(key, "2")], { until: now + 60_000_000_000n })

      assert.strictEqual(late.name, "Timeout")
      assert.isUndefined(none)
      assert.strictEqual((yield* store.current("production", key))?.version, 1)
    }))

  test("W2 concurrent commits are totally ordered, and the log has each without a gap", () =>
    Effect.gen(function* () {
      const log = yield* RevisionLog
      const key = fresh("order")
      const before = yield* log.head
      const made = yield* Effect.forEach(
        Array.from({ length: 100 }, (_, i) => i),
        (i) => commit([change(i % 2 === 0 ? key : fresh("other"), String(i))]),
        { concurrency: 25 }
      )
      const revisions = made.map(({ revision }) => revision.revision).sort((a, b) => Number(a - b))
      assert.deepStrictEqual(
        revisions,
        Array.from({ length: 100 }, (_, i) => before.revision + BigInt(i + 1))
      )

      const read = (yield* log.after(before.revision, 1_000))!
      assert.deepStrictEqual(
        read.map(({ revision }) => revision),
        revisions
      )
      const versions = read.flatMap((revision) =>
        configurationsIn(revision)
          .filter((one) => one.key === key)
          .map(({ version }) => version)
      )
      assert.deepStrictEqual(
        versions,
        Array.from({ length: 50 }, (_, i) => i + 1)
      )
      assert.deepStrictEqual((yield* log.after(before.revision, 7))?.length, 7)
      const head = (yield* allHeads(1_000)).heads.find((one) => one.key === key)
      assert.strictEqual(head?.version, 50)
      assert.deepStrictEqual(yield* log.after((yield* log.head).revision, 10), [])
    }))

  test("W3 the same idempotency key gives the first result again, another request with it is refused", () =>
    Effect.gen(function* () {
      const key = fresh("idempotent")
      const idempotency = { key: fresh("request"), digest: "d1" }
      const first = yield* commit([change(key, "1")], { idempotency })
      const second = yield* commit([change(key, "1")], { idempotency })
      const other = yield* Effect.flip(commit([change(key, "2")], { idempotency: { ...idempotency, digest: "d2" } }))
      const stranger = yield* commit([change(key, "3")], { idempotency, actor: "stranger" })

      assert.deepStrictEqual([first.replayed, second.replayed, stranger.replayed], [false, true, false])
      assert.deepStrictEqual(second.revision, first.revision)
      assert.strictEqual(other.name, "IdempotencyConflict")
      assert.strictEqual(stranger.revision.changes[0]!.version, 2)
    }))

  test("W5 what a change keeps is compared when its turn comes: schema, strictness, type, and whether there is a version at all", () =>
    Effect.gen(function* () {
      const key = fresh("kept")
      const schema = { type: "string", maxLength: 10, examples: ["a", "b"] }
      const rules = { schema, strict: true, valueType: "string" as const }
      const keep = (changed: Partial<ConfigurationWish>, live = true, fields = ["schema", "strict", "type"] as const) =>
        Effect.map(
          Effect.result(commit([change(key, "v", { ...rules, ...changed, kept: { live, fields: [...fields] } })])),
          (result) =>
            result._tag === "Success" ? "committed" : (result.failure.details?.["changed"] ?? result.failure.name)
        )
      assert.strictEqual(yield* keep({}), "rules") // there is none
      assert.strictEqual(yield* keep({}, false), "committed")
      assert.strictEqual(yield* keep({}, false), "rules") // there is one
      assert.strictEqual(yield* keep({ schema: { examples: ["a", "b"], maxLength: 10, type: "string" } }), "committed")
      for (const other of [
        { schema: null },
        { schema: { ...schema, maxLength: 11 } },
        { schema: { ...schema, examples: ["b", "a"] } },
        { strict: false },
        { valueType: "json" as const }
      ])
        assert.strictEqual(yield* keep(other), "rules")
      // What is not kept is set.
      const alone = change(key, "w", { ...rules, schema: null, kept: { live: true, fields: ["strict", "type"] } })
      yield* commit([alone])
      yield* commit([
        change(key, null, { strict: true, valueType: "string", kept: { live: true, fields: ["strict", "type"] } })
      ])
      assert.strictEqual(yield* keep({}), "rules") // a tombstone
      assert.strictEqual(yield* keep({}, false), "committed")
      const insists = yield* Effect.flip(
        commit([change(key, "v", { expectedVersion: 1, kept: { live: false, fields: ["type"] } })])
      )
      assert.isUndefined(insists.details?.["changed"])
    }))

  test("W5 what else a release was checked against is compared when its turn comes: values, and templates up to a position", () =>
    Effect.gen(function* () {
      const store = yield* ConfigurationStore
      const environment = fresh("env")
      const one = (key: string, value: string | null, changed: Partial<ConfigurationWish> = {}) =>
        change(key, value, { environment, ...changed })
      const on = (basis: NonNullable<Release["basis"]>, changes = [one("x", "1")]) =>
        Effect.map(Effect.result(commit(changes, { basis })), (result) =>
          result._tag === "Success" ? "committed" : result.failure.details?.["changed"]
        )
      const reads = (digest: string) => ({ values: [{ environment, key: "read", digest }], templates: [] })
      assert.strictEqual(yield* on(reads("")), "committed")
      assert.strictEqual(yield* on(reads("d1")), "variables")
      yield* commit([one("read", "1", { digest: "d1" })])
      assert.strictEqual(yield* on(reads("")), "variables")
      assert.strictEqual(yield* on(reads("d1")), "committed")
      yield* commit([one("read", null, { digest: "empty" })])
      assert.strictEqual(yield* on(reads("empty")), "variables")
      assert.strictEqual(yield* on(reads("")), "committed")

      const templates = (position: { readonly epoch: string; readonly revision: bigint }) => ({
        values: [],
        templates: [{ environment, position }]
      })
      const none = yield* store.templates(environment)
      assert.deepStrictEqual(none.heads, [])
      assert.strictEqual(yield* on(templates(none.position)), "committed")
      yield* commit([
        one("t", "{{a}}", { template: true }),
        change("t", "{{a}}", { environment: fresh("other"), template: true })
      ])
      assert.strictEqual(yield* on(templates(none.position)), "templates")
      const known = yield* store.templates(environment)
      assert.deepStrictEqual(
        known.heads.map(({ key, template, version }) => [key, template, version]),
        [["t", true, 1]]
      )
      assert.strictEqual(yield* on(templates(known.position)), "committed")
      assert.strictEqual(yield* on(templates({ ...known.position, epoch: "another" })), "templates")
      assert.strictEqual(yield* on(templates(none.position), [one("t", "{{b}}", { template: true })]), "committed")
      yield* commit([one("t", "plain")])
      assert.strictEqual(yield* on(templates(none.position)), "committed")
      assert.deepStrictEqual((yield* store.templates(environment)).heads, [])
    }))

  test("W3 an earlier commit is found by its owner, key and digest", () =>
    Effect.gen(function* () {
      const commits = yield* Commits
      const idempotency = { owner: fresh("owner"), key: fresh("request"), digest: "d1" }
      assert.isUndefined(yield* commits.earlier(idempotency))
      const first = yield* commit([change(fresh("earlier"), "1")], { idempotency })

      assert.deepStrictEqual(yield* commits.earlier(idempotency), { revision: first.revision, replayed: true })
      assert.isUndefined(yield* commits.earlier({ ...idempotency, owner: "tester" }))
      assert.strictEqual(
        (yield* Effect.flip(commits.earlier({ ...idempotency, digest: "d2" }))).name,
        "IdempotencyConflict"
      )
      const again = yield* commit([change(fresh("earlier"), "2")], { idempotency, actor: "someone else" })
      assert.isTrue(again.replayed)
    }))

  test("one release that can't be committed does not touch those beside it", () =>
    Effect.gen(function* () {
      const keys = Array.from({ length: 20 }, () => fresh("beside"))
      const results = yield* Effect.forEach(
        keys,
        (key, i) => Effect.result(commit([change(key, "1", i % 4 === 0 ? { expectedVersion: 5 } : {})])),
        { concurrency: 20 }
      )
      assert.deepStrictEqual(
        results.map(({ _tag }) => _tag),
        keys.map((_, i) => (i % 4 === 0 ? "Failure" : "Success"))
      )
    }))
}
