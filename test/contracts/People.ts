/** What every implementation of keys and audit must do. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { type ApiKey, ApiKeyStore } from "../../src/access/ApiKeyStore.ts"
import { AuditLog } from "../../src/access/AuditLog.ts"
import { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import { change, release } from "./Stores.ts"
import { verified } from "./Verified.ts"

type Services = ApiKeyStore | AuditLog | ConfigurationStore
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

let names = 0
const fresh = (name: string) => `${name}-${++names}-${process.pid}`

const apiKey = (changed: Partial<ApiKey> = {}): ApiKey => ({
  id: fresh("key"),
  name: "deployer",
  hash: "0".repeat(64),
  role: "publisher",
  environments: ["production", "staging"],
  createdAt: 1_700_000_000_123,
  createdBy: "admin",
  expiresAt: null,
  revokedAt: null,
  ...changed
})

export const peopleContract = (test: Test) => {
  test("API keys come back as they were, and are revoked once", () =>
    Effect.gen(function* () {
      const store = yield* ApiKeyStore
      const key = apiKey({ expiresAt: 1_900_000_000_000 })
      yield* store.create(key)

      assert.deepStrictEqual(yield* store.find(key.id), key)
      assert.deepStrictEqual(
        (yield* store.list).find(({ id }) => id === key.id),
        key
      )
      assert.isUndefined(yield* store.find("nobody"))
      assert.isTrue(yield* store.revoke(key.id, "admin"))
      assert.isFalse(yield* store.revoke(key.id, "admin"))
      assert.isFalse(yield* store.revoke("nobody", "admin"))
      assert.isNumber((yield* store.find(key.id))?.revokedAt)
    }))

  test("PB1 pages of the audit log are bounded in bytes, and go on", () =>
    Effect.gen(function* () {
      const [store, audit] = [yield* ConfigurationStore, yield* AuditLog]
      const [newest] = yield* audit.read({ limit: 1 })
      const changeLog = "\u{1f600}".repeat(1_000)
      const changes = Array.from({ length: 500 }, (_, n) => change(`${fresh("told")}.${n}`, "v", { changeLog }))
      yield* store.commit(release(changes))
      yield* store.commit(release(changes.map((one) => ({ ...one, value: "w" }))))

      const ids: Array<bigint> = []
      const pages: Array<number> = []
      for (let after = newest?.id ?? 0n, last = 0; pages.length === 0 || last > 0; ) {
        const page = yield* audit.read({ limit: 1_000, after })
        last = page.length
        ids.push(...page.map(({ id }) => id))
        pages.push(last)
        after = ids.at(-1) ?? after
      }
      assert.isBelow(Math.max(...pages), 600)
      assert.deepStrictEqual([ids.length, ids.at(-1)! - ids[0]!], [1_000, 999n])
      const downwards = yield* audit.read({ limit: 1_000, before: ids.at(-1)! + 1n })
      assert.strictEqual(downwards[0]?.id, ids.at(-1))
      assert.isBelow(downwards.length, 600)
    }))

  test("every change of a configuration and of a key is in the audit log, chained by hashes", () =>
    Effect.gen(function* () {
      const [store, keys, audit] = [yield* ConfigurationStore, yield* ApiKeyStore, yield* AuditLog]
      const [before] = yield* audit.read({ limit: 1 })
      const from = before?.id ?? 0n
      const key = apiKey()
      const name = fresh("audited")
      yield* keys.create(key)
      yield* store.commit(release([change(name, "1"), change(`${name}.b`, "1")], { action: "release" }))
      yield* keys.revoke(key.id, "admin")
      const entries = yield* audit.read({ limit: 100, after: from })

      assert.deepStrictEqual(
        entries.map(({ id }) => id),
        [1n, 2n, 3n, 4n].map((n) => from + n)
      )
      assert.deepStrictEqual(
        entries.map(({ action, configId, performedBy }) => [action, configId, performedBy]),
        [
          ["key.create", "", "admin"],
          ["release", `production/${name}`, "tester"],
          ["release", `production/${name}.b`, "tester"],
          ["key.revoke", "", "admin"]
        ]
      )
      assert.deepInclude(entries[1]!.details, { version: 1, message: "why" })
      assert.isFalse(JSON.stringify(entries, (_, v) => (typeof v === "bigint" ? String(v) : v)).includes(key.hash))
      assert.strictEqual(entries[2]!.prevHash, entries[1]!.hash)
      for (const entry of entries)
        assert.match(String(entry.details["digest"] ?? "revoked"), /^[0-9a-f]{64}$|^revoked$/) // AL1
      const verdict = yield* verified
      assert.isUndefined(verdict.problem)
      assert.strictEqual(BigInt(verdict.entries), from + 4n)
      const newest = yield* audit.read({ limit: 2, environment: "production" })
      assert.deepStrictEqual(
        newest.map(({ configId }) => configId),
        [`production/${name}.b`, `production/${name}`]
      )
      assert.deepStrictEqual(yield* audit.read({ limit: 2, environment: "prod" }), [])
      assert.deepStrictEqual(
        (yield* audit.read({ limit: 2, before: from + 3n })).map(({ id }) => id),
        [from + 2n, from + 1n]
      )
    }))

  test("AL2 a check goes on from the place that a page gave, and from no other; the end and single entries can be asked for", () =>
    Effect.gen(function* () {
      const [store, audit] = [yield* ConfigurationStore, yield* AuditLog]
      for (let i = 0; i < 3; i++) {
        const changes = Array.from({ length: 400 }, (_, n) => change(`${fresh("many")}.${n}`, "1"))
        yield* store.commit(release(changes, { action: "release" }))
      }
      const last = yield* audit.last
      const verdict = yield* verified

      assert.deepStrictEqual(
        [verdict.problem, verdict.entries, verdict.total],
        [undefined, Number(last!.id), Number(last!.id)]
      )
      const [newest] = yield* audit.read({ limit: 1 })
      assert.deepStrictEqual([last!.id, last!.hash], [newest!.id, newest!.hash])
      const marks = yield* audit.marks([1n, newest!.id, newest!.id + 1n])
      assert.deepStrictEqual(
        marks
          .map(({ id, hash }) => [id, hash.length])
          .sort((a, b) => Number(a[0]! as bigint) - Number(b[0]! as bigint)),
        [
          [1n, 64],
          [newest!.id, 64]
        ]
      )
      for (const from of ["", "nonsense", "e30", "bnVsbA"])
        assert.strictEqual((yield* Effect.flip(audit.check(from))).name, "InvalidInput")
    }))
}
