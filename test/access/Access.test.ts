import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as KeyHash from "../../layers/Crypto/access/KeyHash.ts"
import { aheadOf } from "../../layers/Redis/connection/ClockAhead.ts"
import { Access, requirePermission } from "../../src/access/Access.ts"
import { CurrentIdentity, type Identity, type Role } from "../../src/access/Identity.ts"
import { asAdmin, authenticate, create, nameOf, start } from "./Harness.ts"

describe("Access", () => {
  it.effect("A1 no token, garbage and unknown tokens are nobody", () =>
    Effect.gen(function* () {
      const names = []
      for (const token of [
        undefined,
        "",
        "Bearer ",
        "Basic abc",
        "hrld_x_y",
        `hrld_${"a".repeat(16)}_${"b".repeat(64)}`
      ]) {
        names.push(yield* nameOf(token))
      }

      assert.deepStrictEqual(names, Array(6).fill("Unauthenticated"))
    }).pipe(Effect.provide(start().layer))
  )

  it.effect("a token works with and without Bearer, and names its key", () =>
    Effect.gen(function* () {
      const { token, key } = yield* create("viewer", ["staging"])
      const bare = yield* authenticate(token)
      const bearer = yield* authenticate(`bearer ${token}`)

      assert.deepStrictEqual(bare, { keyId: key.id, name: "robot", role: "viewer", environments: ["staging"] })
      assert.deepStrictEqual(bearer, bare)
    }).pipe(Effect.provide(start().layer))
  )

  it.effect("EN1 who may is told what is no environment; who may not, only that", () =>
    Effect.gen(function* () {
      const asked = (role: Role, environment: string) =>
        Effect.provideService(Effect.flip(requirePermission("config.write", environment)), CurrentIdentity, {
          keyId: "k",
          name: "ada",
          role,
          environments: ["*"]
        })
      const publisher = yield* asked("publisher", "no\u0000where")
      const viewer = yield* asked("viewer", `no\u001b${"x".repeat(10_000)}`)

      assert.strictEqual(publisher.name, "InvalidInput")
      assert.strictEqual(viewer.name, "Forbidden")
      assert.notInclude(viewer.message, "\u001b")
      assert.isBelow(viewer.message.length, 300)
    })
  )

  it.effect(
    "A2, A3 who was recognised once is so again, and nobody with another secret, or once the key is revoked",
    () =>
      Effect.gen(function* () {
        const access = yield* Access
        const { recognise, charge } = yield* access.atOnce
        const { token, key } = yield* create("viewer", ["staging"])
        const whom = { keyId: key.id, name: "robot", role: "viewer", environments: ["staging"] } as const
        const wrong = token.replace(/.$/, (last) => (last === "0" ? "1" : "0"))

        for (let n = 0; n < 2; n++) {
          assert.deepStrictEqual(recognise({ token: `Bearer ${token}` }), whom)
          assert.isUndefined(recognise({ token: `Bearer ${wrong}` }))
        }
        for (const other of [undefined, "", "Bearer x", `hrld_${"a".repeat(16)}_${"b".repeat(64)}`])
          assert.isUndefined(recognise({ token: other }))
        assert.isTrue(charge(whom, 1_000))
        assert.isFalse(charge(whom, 1))
        yield* access.revokeKey(key.id).pipe(asAdmin)
        assert.isUndefined(recognise({ token: `Bearer ${token}` }))
      }).pipe(Effect.provide(start().layer))
  )

  it.effect("A2, KX1 who is recognised is whom authenticating finds, with every field of its key", () =>
    Effect.gen(function* () {
      const access = yield* Access
      const { recognise } = yield* access.atOnce
      const wanted = { add: true, role: "publisher", expiresAt: Number.MAX_SAFE_INTEGER } as const
      for (const [name, topics] of [["none"], ["nothing", []], ["some", ["shop/*", "audit"]]] as const) {
        const more = topics === undefined ? {} : { topics }
        const options = { ...wanted, name, environments: ["production"], ...more }
        const { token, key } = yield* access.createKey(options).pipe(asAdmin)
        const whom = { keyId: key.id, name, role: "publisher", environments: ["production"], ...more } as const

        assert.deepStrictEqual(yield* authenticate(token), whom)
        assert.deepStrictEqual(recognise({ token: `Bearer ${token}` }), whom)
      }
    }).pipe(Effect.provide(start().layer))
  )

  it.effect("A2 the secret is not what is stored, and another pepper makes it worthless", () => {
    const { store, layer } = start()
    return Effect.gen(function* () {
      const { token, key } = yield* create("admin")
      const other = Access.layer({ pepper: "q", ratePerSecond: 10, burst: 10 }).pipe(
        Layer.provide([store.layer, KeyHash.layer])
      )
      const elsewhere = yield* nameOf(token).pipe(Effect.provide(Layer.fresh(other)))

      assert.notInclude(JSON.stringify([...store.keys.values()]), token.split("_")[2]!)
      assert.match(key.hash, /^[0-9a-f]{64}$/)
      assert.strictEqual(elsewhere, "Unauthenticated")
    }).pipe(Effect.provide(layer))
  })

  it.effect("A3 a key that another node revoked is refused after at most 2 s", () => {
    const { store, layer } = start()
    return Effect.gen(function* () {
      const access = yield* Access
      const { token, key } = yield* create("viewer")
      const identity = yield* authenticate(token)
      yield* TestClock.adjust("3 seconds")
      store.keys.set(key.id, { ...store.keys.get(key.id)!, revokedAt: 1 })
      yield* TestClock.adjust("2 seconds")

      assert.strictEqual(yield* nameOf(token), "Unauthenticated")
      assert.isFalse(yield* access.stillValid(identity))
    }).pipe(Effect.provide(layer))
  })

  it.effect("A3 a key that is revoked here is refused at once, also while the list is on its way", () =>
    Effect.gen(function* () {
      const access = yield* Access
      const { token, key } = yield* create("viewer")
      yield* access.revokeKey(key.id).pipe(asAdmin)
      const name = yield* nameOf(token)
      const again = yield* Effect.flip(access.revokeKey(key.id).pipe(asAdmin))

      assert.strictEqual(name, "Unauthenticated")
      assert.strictEqual(again.name, "NotFound")
    }).pipe(Effect.provide(start().layer))
  )

  it.effect("A3 an expired key is refused", () =>
    Effect.gen(function* () {
      const { token } = yield* create("viewer", ["*"], 5_000)
      const before = yield* authenticate(token)
      yield* TestClock.adjust("5 seconds")

      assert.strictEqual(before.role, "viewer")
      assert.strictEqual(yield* nameOf(token), "Unauthenticated")
    }).pipe(Effect.provide(start().layer))
  )

  it.effect("a dead database locks out nobody who is known, and revokes nothing", () => {
    const { store, layer } = start()
    return Effect.gen(function* () {
      const access = yield* Access
      const { token } = yield* create("viewer")
      const identity = yield* authenticate(token)
      store.down = true
      yield* TestClock.adjust("1 minute")
      const again = yield* authenticate(token)
      const unknown = yield* nameOf(`hrld_${"c".repeat(16)}_${"d".repeat(64)}`)

      assert.deepStrictEqual(again, identity)
      assert.isTrue(yield* access.stillValid(identity))
      assert.strictEqual(unknown, "DatabaseUnavailable")
    }).pipe(Effect.provide(layer))
  })

  it.effect("KN2 an id that nobody knows costs one look-up, and look-ups are limited", () => {
    const { store, layer } = start()
    return Effect.gen(function* () {
      const token = (n: number) => `hrld_${n.toString(16).padStart(16, "0")}_${"d".repeat(64)}`
      for (let i = 0; i < 5; i++) yield* nameOf(token(1))
      const once = store.lookups
      const names = new Set<string>()
      for (let i = 2; i < 300; i++) names.add(yield* nameOf(token(i)))

      assert.strictEqual(once, 1)
      assert.isAtMost(store.lookups, 100)
      assert.deepStrictEqual([...names].sort(), ["RateLimited", "Unauthenticated"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("wrong secrets for a known id are slowed down; the right one still works", () =>
    Effect.gen(function* () {
      const { token, key } = yield* create("viewer")
      const names = []
      for (let i = 0; i < 12; i++) names.push(yield* nameOf(`hrld_${key.id}_${"0".repeat(64)}`))
      const right = yield* authenticate(token)

      assert.deepStrictEqual(names.slice(9), ["Unauthenticated", "RateLimited", "RateLimited"])
      assert.strictEqual(right.keyId, key.id)
    }).pipe(Effect.provide(start().layer))
  )

  it.effect(
    "A4 a principal over its rate is told how long to wait, by whichever key it comes; others are not touched",
    () =>
      Effect.gen(function* () {
        const one = yield* create("viewer")
        const too = yield* create("viewer")
        const two = yield* create("viewer", ["*"], null, "another")
        for (let i = 0; i < 3; i++) yield* authenticate([one, too][i % 2]!.token)
        const refused = yield* Effect.flip(authenticate(too.token))
        yield* authenticate(two.token)
        yield* TestClock.adjust("100 millis")
        const later = yield* authenticate(one.token)

        assert.strictEqual(refused.name, "RateLimited")
        assert.strictEqual(refused.details?.["retryAfterMillis"], 100)
        assert.strictEqual(later.keyId, one.key.id)
      }).pipe(Effect.provide(start({ ratePerSecond: 10, burst: 3 }).layer))
  )

  it.effect("LJ2 a step of the time of day, either way, changes nothing about rates", () =>
    Effect.gen(function* () {
      let step = 0
      const real = yield* Clock.Clock
      const clock = aheadOf(real, () => step)
      const pass = Effect.provideService(TestClock.adjust("100 millis"), Clock.Clock, real)
      yield* Effect.gen(function* () {
        const one = yield* create("viewer")
        for (let i = 0; i < 3; i++) yield* authenticate(one.token)
        step = 3_600_000
        const forward = yield* Effect.flip(authenticate(one.token))
        step = -3_600_000
        yield* pass
        yield* authenticate(one.token)
        const back = yield* Effect.flip(authenticate(one.token))
        assert.deepStrictEqual([forward.details?.["retryAfterMillis"], back.details?.["retryAfterMillis"]], [100, 100])
      }).pipe(Effect.provide(start({ ratePerSecond: 10, burst: 3 }).layer), Effect.provideService(Clock.Clock, clock))
    })
  )

  it.effect("requirePermission says who lacks what, and where", () =>
    Effect.gen(function* () {
      const identity: Identity = { name: "ci", keyId: "1", role: "viewer", environments: ["staging"] }
      const role = yield* Effect.flip(requirePermission("config.write", "staging")).pipe(
        Effect.provideService(CurrentIdentity, identity)
      )
      const place = yield* Effect.flip(requirePermission("config.read", "production")).pipe(
        Effect.provideService(CurrentIdentity, identity)
      )
      const nobody = yield* Effect.flip(requirePermission("config.read", "production"))

      assert.include(role.message, "config.write")
      assert.include(place.message, "production")
      assert.strictEqual(nobody.name, "Unauthenticated")
    })
  )
})
