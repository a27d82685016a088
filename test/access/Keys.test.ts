/** Who makes, rotates and revokes keys, and how the first one comes about. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Access } from "../../src/access/Access.ts"
import { CurrentIdentity, type Identity, system } from "../../src/access/Identity.ts"
import { asAdmin, authenticate, create, nameOf, start } from "./Harness.ts"

describe("who makes and revokes keys", () => {
  it.effect("PN2 PN3 names of Herald itself are refused, and a further key unless it is asked for", () =>
    Effect.gen(function* () {
      const access = yield* Access
      const wish = { role: "viewer", environments: ["*"], expiresAt: null } as const
      const make = (name: string, add?: boolean) =>
        access.createKey({ ...wish, name, ...(add === undefined ? {} : { add }) }).pipe(
          asAdmin,
          Effect.as("made"),
          Effect.catch((error) => Effect.succeed(error.name))
        )
      for (const name of ["herald", "HERALD", "ｓystem", "Node", "client:a/b", "a\u0000b", ""])
        assert.strictEqual(yield* make(name), "InvalidInput", name)
      assert.deepStrictEqual(
        [yield* make("ci"), yield* make("ci"), yield* make("ci", true)],
        ["made", "PrincipalExists", "made"]
      )
    }).pipe(Effect.provide(start().layer))
  )

  it.effect("PN4 A3 a rotated key works until its grace ends, as the same principal", () =>
    Effect.gen(function* () {
      const access = yield* Access
      const old = yield* create("viewer", ["staging"])
      const made = yield* access.rotateKey(old.key.id, 60_000).pipe(asAdmin)
      const [before, after] = [yield* authenticate(old.token), yield* authenticate(made.token)]
      assert.deepStrictEqual(after, { ...before, keyId: made.key.id })
      yield* TestClock.adjust("61 seconds")
      assert.strictEqual(yield* nameOf(old.token), "Unauthenticated")
      assert.isFalse(yield* access.stillValid(before))
      assert.isTrue(yield* access.stillValid(after))
      assert.strictEqual((yield* Effect.flip(access.rotateKey(old.key.id, 0).pipe(asAdmin))).name, "NotFound")
    }).pipe(Effect.provide(start().layer))
  )

  it.effect("only an admin of every environment manages keys", () =>
    Effect.gen(function* () {
      const access = yield* Access
      const outcomes = []
      const people: ReadonlyArray<Identity | undefined> = [
        undefined,
        { name: "v", keyId: "v", role: "viewer", environments: ["*"] },
        { name: "p", keyId: "p", role: "publisher", environments: ["*"] },
        { name: "a", keyId: "a", role: "admin", environments: ["staging"] },
        system
      ]
      for (const identity of people) {
        const result = yield* Effect.result(access.listKeys.pipe(Effect.provideService(CurrentIdentity, identity)))
        outcomes.push(result._tag === "Success" ? "ok" : result.failure.name)
      }

      assert.deepStrictEqual(outcomes, ["Unauthenticated", "Forbidden", "Forbidden", "Forbidden", "ok"])
    }).pipe(Effect.provide(start().layer))
  )

  it.effect("DN2 nobody gives away more than they have, also not by rotating the key of another", () =>
    Effect.gen(function* () {
      const access = yield* Access
      const admin: Identity = { name: "a", keyId: "a", role: "admin", environments: ["*"], topics: ["orders/*"] }
      const wish = { name: "made", add: true, role: "publisher", environments: ["*"], expiresAt: null } as const
      const outcome = (its: object, by: Identity = admin) =>
        access.createKey({ ...wish, ...its }).pipe(
          Effect.as("made"),
          Effect.catch((error) => Effect.succeed(`${error.name} ${error.details?.["rule"]}`)),
          Effect.provideService(CurrentIdentity, by)
        )
      assert.strictEqual(yield* outcome({ topics: ["orders/eu"], keys: ["a.*"], kinds: ["flag"] }), "made")
      assert.strictEqual(yield* outcome({ topics: ["*"] }), "Forbidden topics")
      assert.strictEqual(yield* outcome({}), "Forbidden topics")
      assert.strictEqual(yield* outcome({ topics: [] }, { ...admin, keys: ["a.*"] }), "Forbidden keys")
      assert.strictEqual(yield* outcome({ topics: [] }, { ...admin, kinds: ["config"] }), "Forbidden kinds")

      const other = yield* create("admin")
      const taken = yield* Effect.flip(access.rotateKey(other.key.id, 0)).pipe(
        Effect.provideService(CurrentIdentity, admin)
      )
      assert.deepInclude(taken, { name: "Forbidden" })
      const own = yield* access.createKey({ ...wish, keys: ["a.*"], kinds: ["flag"], topics: [] }).pipe(
        Effect.flatMap(({ key }) => access.rotateKey(key.id, 0)),
        asAdmin
      )
      assert.deepInclude(own.key, { keys: ["a.*"], kinds: ["flag"], topics: [] })
      assert.deepInclude(yield* authenticate(own.token), { keys: ["a.*"], kinds: ["flag"] })
    }).pipe(Effect.provide(start().layer))
  )

  it.effect("a wish for a key is checked", () =>
    Effect.gen(function* () {
      const access = yield* Access
      const wish = { name: "ok", role: "viewer" as const, environments: ["*"], expiresAt: null }
      const wrong = [
        { ...wish, name: "" },
        { ...wish, name: "a\u001b[31m" },
        { ...wish, role: "root" as never },
        { ...wish, environments: [] },
        { ...wish, environments: ["a b"] },
        { ...wish, expiresAt: -1 },
        { ...wish, keys: [] },
        { ...wish, keys: Array.from({ length: 101 }, (_, n) => `k${n}`) },
        { ...wish, keys: ["a*"] },
        { ...wish, keys: ["@flag/a"] },
        { ...wish, keys: ["k".repeat(257)] },
        { ...wish, kinds: [] },
        { ...wish, kinds: ["config", "config"] as const },
        { ...wish, kinds: ["topic" as never] }
      ]
      for (const bad of wrong) {
        const error = yield* Effect.flip(access.createKey(bad).pipe(asAdmin))
        assert.strictEqual(error.name, "InvalidInput")
      }
    }).pipe(Effect.provide(start().layer))
  )

  it.effect("bootstrap makes one admin key on the first start and none later", () =>
    Effect.gen(function* () {
      const access = yield* Access
      const token = yield* access.bootstrap
      const identity = yield* authenticate(token)
      const second = yield* access.bootstrap

      assert.strictEqual(identity.role, "admin")
      assert.deepStrictEqual(identity.environments, ["*"])
      assert.isUndefined(second)
    }).pipe(Effect.provide(start().layer))
  )

  it.effect("A5 the first admin's key is waited for, and is known again when its answer was lost", () => {
    const { store, layer } = start()
    return Effect.gen(function* () {
      const { bootstrap } = yield* Access
      store.down = true
      const starting = yield* Effect.forkChild(bootstrap)
      yield* TestClock.adjust("3 seconds")
      assert.isUndefined(starting.pollUnsafe())
      store.down = false
      store.losing = 1 // it is made, and the database dies before it says so
      yield* TestClock.adjust("1 second")
      assert.isUndefined(starting.pollUnsafe())
      assert.strictEqual(store.keys.size, 1)
      yield* TestClock.adjust("1 second")
      const token = yield* Fiber.join(starting)
      const { role } = yield* authenticate(token)
      assert.deepStrictEqual([role, store.keys.size], ["admin", 1])
    }).pipe(Effect.provide(layer))
  })
})
