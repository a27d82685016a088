/** What every implementation of keys and audit must do. Run by Memory.test.ts and Postgres.test.ts. */

import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { type ApiKey, ApiKeyStore } from "../../src/access/ApiKeyStore.ts"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import { Commits } from "../../src/commits/Commits.ts"
import type { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import { change, release } from "../support/Release.ts"
import { verified } from "./Verified.ts"

type Services = ApiKeyStore | AuditLog | Commits | ConfigurationStore
export type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

let names = 0
export const fresh = (name: string) => `${name}-${++names}-${process.pid}`

export const apiKey = (changed: Partial<ApiKey> = {}): ApiKey => ({
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

  test("PN1 PN3 a principal has one spelling, and a further key only where that is asked for", () =>
    Effect.gen(function* () {
      const store = yield* ApiKeyStore
      const name = fresh("Ünal")
      const first = apiKey({ name })
      const outcome = (key: ApiKey, alone: boolean) =>
        store.create(key, { alone }).pipe(
          Effect.as("made"),
          Effect.catch((error) => Effect.succeed(error.name))
        )
      assert.strictEqual(yield* outcome(first, true), "made")
      assert.strictEqual(yield* outcome(apiKey({ name }), true), "PrincipalExists")
      for (const alike of [name.toLowerCase(), name.toUpperCase(), name.normalize("NFD"), name.replace("l", "\uff4c")])
        assert.strictEqual(yield* outcome(apiKey({ name: alike }), false), alike === name ? "made" : "PrincipalExists")
      assert.strictEqual(yield* outcome(apiKey({ name }), false), "made")
      assert.strictEqual((yield* store.list).filter((key) => key.name.normalize("NFC") === name).length, 2)

      for (const key of yield* store.list) if (key.name === name) yield* store.revoke(key.id, "admin")
      assert.strictEqual(yield* outcome(apiKey({ name }), true), "made") // it has no good key any more
    }))

  test("PN3 of two who make a principal's first key at once one does", () =>
    Effect.gen(function* () {
      const store = yield* ApiKeyStore
      const name = fresh("raced")
      const made = yield* Effect.all(
        [1, 2, 3, 4].map(() => Effect.exit(store.create(apiKey({ name }), { alone: true }))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(made.filter(({ _tag }) => _tag === "Success").length, 1)
    }))

  test("PN5 an entry names the principal and the key that committed, each of its own, and the log is as it says", () =>
    Effect.gen(function* () {
      const [commits, audit] = [yield* Commits, yield* AuditLog]
      const [one, other, same] = [fresh("acts"), fresh("acts"), fresh("acts")]
      const idempotency = { key: fresh("acts"), digest: "d" }
      const wishes = [
        release([change(one, "1"), change(other, "1")], { action: "release", keyId: "key-a" }),
        release([change(one, "2")], { action: "rollback", keyId: "key-b" }),
        release([change(one, null)], { action: "delete", keyId: "key-c" }),
        release([change(same, "1")], { keyId: "key-a", idempotency }),
        release([change(same, "1")], { keyId: "key-b", idempotency }),
        release([change(other, "2")], { keyId: undefined })
      ]
      for (const wish of wishes) yield* commits.commit(wish)
      const entries = (yield* audit.read({ limit: 6 })).toSorted((a, b) => Number(a.id - b.id))

      assert.deepStrictEqual(
        entries.map(({ action, performedBy, configId, details }) => [
          action,
          performedBy,
          configId.split("/")[1],
          details["keyId"]
        ]),
        [
          ["release", "tester", one, "key-a"],
          ["release", "tester", other, "key-a"],
          ["rollback", "tester", one, "key-b"],
          ["delete", "tester", one, "key-c"],
          ["publish", "tester", same, "key-a"],
          ["publish", "tester", other, undefined]
        ]
      )
      assert.isUndefined((yield* verified).problem)
    }))

  test("PN4 a rotated key ends with its grace and never later than it would; the log tells of it and of whose key did it", () =>
    Effect.gen(function* () {
      const [store, audit] = [yield* ApiKeyStore, yield* AuditLog]
      const until = 1_950_000_000_000
      const old = apiKey({ name: fresh("rotated") })
      const short = apiKey({ name: fresh("rotated"), expiresAt: until - 1 })
      const successor = apiKey({ name: old.name })
      for (const key of [old, short]) yield* store.create(key)
      assert.isTrue(yield* store.rotate(old.id, successor, { until, by: "acting" }))
      assert.isTrue(yield* store.rotate(short.id, apiKey({ name: short.name }), { until }))
      assert.deepStrictEqual(yield* store.find(old.id), { ...old, expiresAt: until })
      assert.strictEqual((yield* store.find(short.id))?.expiresAt, until - 1)
      assert.deepStrictEqual(yield* store.find(successor.id), successor)
      assert.isTrue(yield* store.rotate(old.id, apiKey({ name: old.name }), { until: until - 5 }))

      yield* store.revoke(old.id, "admin", "acting")
      assert.isFalse(yield* store.rotate(old.id, apiKey({ name: old.name }), { until }))
      assert.isFalse(yield* store.rotate("nobody", apiKey(), { until }))
      const entries = yield* audit.read({ limit: 30 })
      const told = entries.filter(({ details }) => details["keyId"] === "acting")
      assert.sameMembers(
        told.map(({ action }) => action),
        ["key.rotate", "key.create", "key.revoke"]
      )
      assert.deepInclude(told.find(({ action }) => action === "key.rotate")?.details, {
        id: old.id,
        successor: successor.id,
        expiresAt: until
      })
      assert.isUndefined((yield* verified).problem)
    }))

  test("PB1 pages of the audit log are bounded in bytes, and go on", () =>
    Effect.gen(function* () {
      const [commits, audit] = [yield* Commits, yield* AuditLog]
      const [newest] = yield* audit.read({ limit: 1 })
      const changeLog = "\u{1f600}".repeat(1_000)
      const changes = Array.from({ length: 500 }, (_, n) => change(`${fresh("told")}.${n}`, "v", { changeLog }))
      yield* commits.commit(release(changes))
      yield* commits.commit(release(changes.map((one) => ({ ...one, value: "w" }))))

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
      const [commits, keys, audit] = [yield* Commits, yield* ApiKeyStore, yield* AuditLog]
      const [before] = yield* audit.read({ limit: 1 })
      const from = before?.id ?? 0n
      const key = apiKey()
      const name = fresh("audited")
      yield* keys.create(key)
      yield* commits.commit(release([change(name, "1"), change(`${name}.b`, "1")], { action: "release" }))
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
      const [commits, audit] = [yield* Commits, yield* AuditLog]
      for (let i = 0; i < 3; i++) {
        const changes = Array.from({ length: 400 }, (_, n) => change(`${fresh("many")}.${n}`, "1"))
        yield* commits.commit(release(changes, { action: "release" }))
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
