/** What every implementation of keys and audit must do with what keys are narrowed to. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { type ApiKey, ApiKeyStore } from "../../src/access/ApiKeyStore.ts"
import { AuditLog } from "../../src/audit/AuditLog.ts"
import { Commits } from "../../src/commits/Commits.ts"
import { change, release } from "../support/Release.ts"
import { apiKey, fresh, type Test } from "./People.ts"
import { verified } from "./Verified.ts"

export const keyRightsContract = (test: Test) => {
  test("KO1 keys and kinds of an API key come back as they were, also of its successor, and the log tells of them", () =>
    Effect.gen(function* () {
      const [store, audit] = [yield* ApiKeyStore, yield* AuditLog]
      const narrow = { keys: ["payments.*", "*", "a"], kinds: ["flag", "config"] as const, topics: [] }
      const [one, next, half] = [
        apiKey({ name: fresh("narrow"), ...narrow }),
        apiKey({ name: fresh("narrow"), keys: ["b"] }),
        apiKey({ name: fresh("narrow"), kinds: ["secret"] })
      ]
      for (const key of [one, half]) yield* store.create(key)
      assert.isTrue(yield* store.rotate(one.id, next, { until: 1_950_000_000_000 }))
      for (const key of [next, half]) assert.deepStrictEqual(yield* store.find(key.id), key)
      assert.deepInclude(yield* store.find(one.id), narrow)
      const told = (yield* audit.read({ limit: 10 })).filter(({ action }) => action === "key.create")
      const said = ({ id }: ApiKey) => {
        const details = told.find((entry) => entry.details["id"] === id)?.details ?? {}
        return ["topics", "keys", "kinds"].map((what) => details[what])
      }
      assert.deepStrictEqual(
        [said(one), said(next), said(half)],
        [
          [narrow.topics, narrow.keys, narrow.kinds],
          [undefined, ["b"], undefined],
          [undefined, undefined, ["secret"]]
        ]
      )
      assert.isUndefined((yield* verified).problem)
    }))

  test("A5 an admin that is narrowed to keys or kinds is not the first: it makes no others", () =>
    Effect.gen(function* () {
      const store = yield* ApiKeyStore
      const isWhole = ({ role, environments, keys, kinds, revokedAt }: ApiKey) =>
        role === "admin" &&
        environments.includes("*") &&
        keys === undefined &&
        kinds === undefined &&
        revokedAt === null
      for (const key of yield* store.list) if (isWhole(key)) yield* store.revoke(key.id, "admin")
      const admin = { role: "admin", environments: ["*"] } as const
      for (const narrow of [{ keys: ["a.*"] }, { kinds: ["config"] as const }])
        yield* store.create(apiKey({ name: fresh("admin"), ...admin, ...narrow }))
      const [first, second] = [apiKey({ name: fresh("admin"), ...admin }), apiKey({ name: fresh("admin"), ...admin })]
      assert.deepStrictEqual(
        [yield* store.createFirstAdmin(first), yield* store.createFirstAdmin(second)],
        [true, false]
      )
      assert.deepStrictEqual(yield* store.find(first.id), first)
    }))

  test("AO1 entries of an environment are those of the keys in a scope, page by page, and no others", () =>
    Effect.gen(function* () {
      const [commits, audit] = [yield* Commits, yield* AuditLog]
      const own = fresh("own")
      const [newest] = yield* audit.read({ limit: 1 })
      const after = newest?.id ?? 0n
      const named = [`${own}.a`, own, `${own}x`, "other", `${own}.b.c`, `other.${own}.a`]
      yield* commits.commit(
        release(
          named.map((key) => change(key, fresh("v"))),
          { action: "release" }
        )
      )
      const read = (scope: { names: ReadonlyArray<string>; prefixes: ReadonlyArray<string> }, limit = 100) =>
        Effect.map(audit.read({ limit, after, environment: "production", scope }), (entries) =>
          entries.map(({ configId }) => configId)
        )
      const within = named.map((key) => `production/${key}`)
      assert.deepStrictEqual(yield* read({ names: [own], prefixes: [`${own}.`] }), [within[0], within[1], within[4]])
      assert.deepStrictEqual(yield* read({ names: [], prefixes: [`${own}.`] }, 1), [within[0]])
      assert.deepStrictEqual(yield* read({ names: ["other", `${own}x`], prefixes: [] }), [within[2], within[3]])
      assert.deepStrictEqual(yield* read({ names: [], prefixes: [] }), [])
    }))
}
