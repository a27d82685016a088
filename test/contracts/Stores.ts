/** What every implementation of the stores must do. Run by Memory.test.ts and Postgres.test.ts. */

import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { Commits } from "../../src/commits/Commits.ts"
import { configurationsIn } from "../../src/configuration/ConfigurationKind.ts"
import { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import type { Leases } from "../../src/leases/Leases.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import type { RetentionStore } from "../../src/retention/RetentionStore.ts"
import { allHeads } from "../support/allHeads.ts"
import { fresh } from "../support/fresh.ts"
import { change, commit } from "../support/Release.ts"
import { sweep } from "../support/sweep.ts"

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
