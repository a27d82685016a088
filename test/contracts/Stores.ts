/** What every implementation of the stores must do. Run by Memory.test.ts and Postgres.test.ts. */

import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { Commits } from "../../src/commits/Commits.ts"
import type { Release } from "../../src/commits/Release.ts"
import { configurationsIn } from "../../src/configuration/ConfigurationKind.ts"
import { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import type { ConfigurationWish } from "../../src/configuration/Wish.ts"
import type { HeraldError } from "../../src/errors/HeraldError.ts"
import type { Leases } from "../../src/leases/Leases.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import type { RetentionStore } from "../../src/retention/RetentionStore.ts"
import { change, commit } from "../support/Release.ts"
import { sweep } from "../support/sweep.ts"

/** Keys of one test are its own: a suite may run on one database. */
let names = 0
const fresh = (name: string) => `${name}.${++names}.${process.pid}`

/** Every head, page by page. */
const allHeads = Effect.fnUntraced(function* (
  limit: number,
  between: Effect.Effect<unknown, HeraldError> = Effect.void
) {
  const store = yield* ConfigurationStore
  const first = yield* store.heads(undefined, limit)
  const heads = [...first.heads]
  for (let { next } = first; next !== undefined; ) {
    yield* between
    const page = yield* store.heads(next, limit)
    heads.push(...page.heads)
    next = page.next
  }
  return { position: first.position, heads }
})

type Services = Commits | ConfigurationStore | RevisionLog | Leases | RetentionStore
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

export const storesContract = (test: Test) => {
  test("C1 W1 versions count from 1 without gaps, and a delete is a version too", () =>
    Effect.gen(function* () {
      const store = yield* ConfigurationStore
      const key = fresh("versions")
      for (const value of ["one", "two", null, "three"]) yield* commit([change(key, value)])
      const history = yield* store.history("production", key, { limit: 10, before: undefined })

      assert.deepStrictEqual(
        history.map(({ version, value, deleted }) => [version, value, deleted]),
        [
          [4, "three", false],
          [3, "", true],
          [2, "two", false],
          [1, "one", false]
        ]
      )
      assert.strictEqual((yield* store.current("production", key))?.version, 4)
      assert.strictEqual((yield* store.version("production", key, 2))?.value, "two")
      assert.isUndefined(yield* store.version("production", key, 9))
      assert.isUndefined(yield* store.current("staging", key))
      const page = yield* store.history("production", key, { limit: 2, before: 4 })
      assert.deepStrictEqual(
        page.map(({ version }) => version),
        [3, 2]
      )
      assert.strictEqual(history[0]!.createdAt, history[3]!.createdAt)
    }))

  test("PB1 pages of history and of the log are bounded in bytes, and go on", () =>
    Effect.gen(function* () {
      const store = yield* ConfigurationStore
      const log = yield* RevisionLog
      const key = fresh("large")
      const before = yield* log.head
      for (let n = 0; n < 8; n++) yield* commit([change(key, `${n}${"é".repeat(399_999)}`, { schema: { title: "s" } })])

      const versions: Array<ReadonlyArray<number>> = []
      for (let from: number | undefined; from !== 1; from = versions.at(-1)!.at(-1)!) {
        const page = yield* store.history("production", key, { limit: 100, before: from })
        versions.push(page.map(({ version }) => version))
      }
      assert.deepStrictEqual(versions, [
        [8, 7, 6],
        [5, 4, 3],
        [2, 1]
      ])

      const revisions: Array<number> = []
      for (let { revision } = before; revision < before.revision + 8n; ) {
        const page = (yield* log.after(revision, 500))!
        revisions.push(page.length)
        revision = page.at(-1)!.revision
      }
      // What a revision weighs is the store's to say, but not less than its values.
      assert.isTrue(revisions.every((length) => length <= 3))
      assert.strictEqual(
        revisions.reduce((sum, length) => sum + length),
        8
      )
    }))

  test("PB1 the current values of many keys come in their order, those that are not there too, in pages", () =>
    Effect.gen(function* () {
      const store = yield* ConfigurationStore
      const [a, b, gone, never] = [fresh("a"), fresh("b"), fresh("gone"), fresh("never")]
      yield* commit([change(a, "1", { schema: { title: "s" } }), change(b, "2"), change(gone, "3")])
      yield* commit([change(a, "4"), change(gone, null)])
      const { revision } = yield* commit([change(b, "5")])
      const keys = [b, never, gone, a, b].map((key) => ({ environment: "production", key }))
      const found = yield* store.currents([...keys, { environment: "staging", key: a }], revision)

      assert.deepStrictEqual(
        found.map((one) => one && [one.key, one.value, one.version, one.deleted]),
        [[b, "5", 2, false], undefined, [gone, "", 2, true], [a, "4", 2, false], [b, "5", 2, false], undefined]
      )
      for (const one of found)
        if (one !== undefined) assert.deepStrictEqual(one, yield* store.current(one.environment, one.key))

      const large = [1, 2, 3, 4].map((n) => ({ environment: "production", key: fresh(`large${n}`) }))
      for (const { key } of large) yield* commit([change(key, "é".repeat(499_999))])
      const { revision: last } = yield* commit([change(a, "6")])
      assert.lengthOf(yield* store.currents(large, last), 3)
      assert.lengthOf(yield* store.currents(large.slice(3), last), 1)
    }))

  test("C2 what was published comes back as it was, byte for byte", () =>
    Effect.gen(function* () {
      const store = yield* ConfigurationStore
      const key = fresh("bytes")
      const value = `{"a": 1.0,\n "b":"\\u0001 😀 \u2028", "c": "${"x".repeat(100_000)}"}`
      const schema = { type: "object", properties: { a: { type: "number" } } }
      const { revision } = yield* commit([
        change(key, value, { valueType: "json", schema, strict: true, template: true, digest: "d" })
      ])
      const current = yield* store.current("production", key)

      assert.strictEqual(current?.value, value)
      assert.deepStrictEqual(current?.schema, schema)
      assert.deepStrictEqual([current?.strict, current?.template, current?.digest], [true, true, "d"])
      assert.deepStrictEqual(revision.changes, [current!])
      assert.deepStrictEqual([current?.updatedBy, current?.changeLog], ["tester", "why"])
    }))

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

  test("W4 pages of heads bring every head once, in order, tombstones too, with the position that they are of", () =>
    Effect.gen(function* () {
      const log = yield* RevisionLog
      const name = fresh("paged")
      const keys = ["b", "a-", "a", "a.b", "A", "_"].map((part) => `${name}.${part}`)
      yield* commit(keys.flatMap((key) => [change(key, "1"), change(key, "1", { environment: "staging" })]))
      yield* commit([change(keys[0]!, null)])
      const whole = yield* allHeads(100_000)
      const mine = ({ key }: { readonly key: string }) => key.startsWith(name)

      assert.deepStrictEqual(whole.position, yield* log.head)
      assert.strictEqual(whole.heads.filter(mine).length, 2 * keys.length)
      assert.strictEqual(
        whole.heads.find(({ key, environment }) => key === keys[0] && environment === "production")?.deleted,
        true
      )
      for (const limit of [1, 5]) assert.deepStrictEqual((yield* allHeads(limit)).heads, whole.heads)
      const exact = whole.heads.length // a last page that is full
      assert.deepStrictEqual((yield* allHeads(exact)).heads, whole.heads)
    }))

  test("W4 what is committed between pages is in later pages or in the log behind the first page's position", () =>
    Effect.gen(function* () {
      const log = yield* RevisionLog
      const name = fresh("moving")
      const keys = Array.from({ length: 20 }, (_, i) => `${name}.${String(i).padStart(2, "0")}`)
      yield* commit(keys.map((key) => change(key, "1")))
      let n = 0
      const between = Effect.suspend(() => commit([change(keys[n % 20]!, `x${n}`), change(`${name}.new.${n++}`, "1")]))
      const commits = yield* Commits
      const { position, heads } = yield* allHeads(7, Effect.provideService(between, Commits, commits))
      const view = new Map(heads.map((head): [string, bigint] => [`${head.environment}/${head.key}`, head.revision]))
      for (const one of (yield* log.after(position.revision, 10_000))!)
        for (const { environment, key, revision } of configurationsIn(one)) view.set(`${environment}/${key}`, revision)
      const now = yield* allHeads(100_000)

      assert.isAbove(n, 2)
      assert.deepStrictEqual(
        [...view].sort(),
        now.heads.map((head): [string, bigint] => [`${head.environment}/${head.key}`, head.revision]).sort()
      )
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

  test("retention: what follows a swept part of the log is not read, what is current stays", () =>
    Effect.gen(function* () {
      const log = yield* RevisionLog
      const store = yield* ConfigurationStore
      const key = fresh("swept")
      for (let i = 0; i < 10; i++) yield* commit([change(key, String(i))])
      const { revision } = yield* log.head
      const gone = yield* Effect.andThen(Effect.sleep(5), sweep({ keepMillis: 0, keepAtLeast: 3 }))

      assert.isAtLeast(gone, 7)
      assert.deepStrictEqual((yield* log.after(revision - 3n, 10))?.length, 3)
      assert.isUndefined(yield* log.after(revision - 4n, 10))
      assert.strictEqual((yield* store.current("production", key))?.value, "9")
      assert.strictEqual((yield* store.version("production", key, 1))?.value, "0")
      const next = yield* commit([change(key, "after")])
      assert.strictEqual(next.revision.revision, revision + 1n)
      assert.strictEqual(yield* sweep({ keepMillis: 3_600_000, keepAtLeast: 1 }), 0)
    }))
}
