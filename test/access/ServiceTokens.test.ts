import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Access } from "../../src/access/Access.ts"
import { type Grant, isWithin } from "../../src/access/Decision.ts"
import { CurrentIdentity, type Identity, kinds, roles } from "../../src/access/Identity.ts"
import type { Exchange } from "../../src/access/ServiceToken.ts"
import { asAdmin, authenticate } from "./Harness.ts"
import { Issuer, isNamed, ops, startWith } from "./Jwt.ts"

const MINUTE = 60_000
const exchange = (identity: Identity, life = 15 * MINUTE, grant: Exchange["grant"] = {}) =>
  Effect.flatMap(Access, (access) => access.exchange({ life, grant })).pipe(
    Effect.provideService(CurrentIdentity, identity)
  )
const keyOf = (more: Partial<Grant & { expiresAt: number }> = {}) =>
  Effect.gen(function* () {
    const { createKey } = yield* Access
    const wanted = {
      name: "robot",
      role: "publisher",
      environments: ["*"],
      expiresAt: null,
      add: true,
      ...more
    } as const
    const made = yield* asAdmin(createKey(wanted))
    return { ...made, identity: yield* authenticate(made.token) }
  })
const started = () => startWith(new Issuer())

describe("service tokens", () => {
  it.effect("JY1, JY2 a key gives a token that is its key's, may less, and ends", () =>
    Effect.gen(function* () {
      const access = yield* Access
      const { recognise } = yield* access.atOnce
      const { identity, key } = yield* keyOf()
      const grant = { role: "subscriber", environments: ["staging"], keys: ["payments.*"], kinds: ["config"] } as const
      const { token } = yield* exchange(identity, 15 * MINUTE, grant)
      const whom = yield* authenticate(`Bearer ${token}`)

      assert.match(token, /^hrst_[\w-]+\.[0-9a-f]{64}$/)
      assert.deepStrictEqual(whom, { name: "robot", keyId: key.id, ...grant, by: "token", until: 15 * MINUTE })
      assert.deepStrictEqual(recognise({ token }), whom)
      assert.isTrue(yield* access.stillValid(whom))
      yield* TestClock.adjust("15 minutes")
      assert.isUndefined(recognise({ token }))
      assert.isFalse(yield* access.stillValid(whom))
      isNamed(yield* Effect.flip(authenticate(token)), "Unauthenticated")
    }).pipe(Effect.provide(started().layer))
  )

  it.effect("JY2, A8 with its key's end it ends", () =>
    Effect.gen(function* () {
      const access = yield* Access
      const { identity, key } = yield* keyOf()
      const { token } = yield* exchange(identity)
      const whom = yield* authenticate(token)
      yield* asAdmin(access.revokeKey(key.id))

      isNamed(yield* Effect.flip(authenticate(token)), "Unauthenticated")
      assert.isUndefined((yield* access.atOnce).recognise({ token }))
      assert.isFalse(yield* access.stillValid(whom))
    }).pipe(Effect.provide(started().layer))
  )

  it.effect("A9 nothing makes it last longer: not another exchange, and not what ends before", () => {
    const issuer = new Issuer()
    return Effect.gen(function* () {
      const { identity } = yield* keyOf()
      for (const life of [0, 999, 60 * MINUTE + 1, Number.NaN])
        isNamed(yield* Effect.flip(exchange(identity, life)), "InvalidInput")
      const short = yield* exchange(identity, MINUTE)
      const again = yield* exchange(yield* authenticate(short.token), 60 * MINUTE)
      const ofJwt = yield* exchange(yield* authenticate(issuer.token("ann", 5 * MINUTE)), 60 * MINUTE)

      assert.deepStrictEqual([again.identity.until, ofJwt.identity.until], [MINUTE, 5 * MINUTE])
      assert.strictEqual((yield* authenticate(ofJwt.token)).name, "jwt:ann@login.example.com/realms/a")
    }).pipe(Effect.provide(startWith(issuer).layer))
  })

  it.effect("A9 nothing makes it do more, whatever was asked for", () =>
    Effect.gen(function* () {
      const { identity } = yield* keyOf({ role: "viewer", environments: ["staging"] })
      for (const [rule, grant] of [
        ["role", { role: "publisher" }],
        ["environment", { environments: ["*"] }],
        ["topics", { topics: ["*"] }]
      ] as const) {
        const error = yield* Effect.flip(exchange(identity, MINUTE, grant))
        isNamed(error, "Forbidden")
        assert.deepStrictEqual(error.details, { rule })
      }
      const narrow = yield* exchange(identity, MINUTE, { keys: ["a.*"] })
      const its = yield* authenticate(narrow.token)
      isNamed(yield* Effect.flip(exchange(its, MINUTE, { keys: ["*"] })), "Forbidden")
      assert.deepStrictEqual((yield* exchange(its, MINUTE, { keys: ["a.b"] })).identity.keys, ["a.b"])
    }).pipe(Effect.provide(started().layer))
  )

  const Patterns = Schema.Array(Schema.Literals(["*", "a.*", "a.b.*", "a.b", "b"]))
  const Wish = Schema.Struct({
    role: Schema.optionalKey(Schema.Literals(roles)),
    environments: Schema.optionalKey(Schema.NonEmptyArray(Schema.Literals(["*", "staging", "production"]))),
    keys: Schema.optionalKey(Patterns),
    kinds: Schema.optionalKey(Schema.Array(Schema.Literals(kinds)).check(Schema.isMaxLength(kinds.length))),
    topics: Schema.optionalKey(Schema.Array(Schema.Literals(["*", "t/*", "t/a"])))
  })
  it.effect.prop(
    "A9 of any grant and any wish, what comes back is within what was shown",
    [Wish, Wish],
    ([its, wish]) =>
      Effect.gen(function* () {
        const { identity } = yield* keyOf()
        const grant: Grant = { role: "publisher", environments: ["*"], ...its }
        const exit = yield* Effect.result(exchange({ ...grant, name: "x", keyId: identity.keyId }, MINUTE, wish))
        const wanted = { ...grant, ...wish }
        assert.strictEqual(exit._tag === "Success", isWithin(wanted, grant))
        if (exit._tag === "Success") assert.isTrue(isWithin(yield* authenticate(exit.success.token), grant))
        else isNamed(exit.failure, "Forbidden")
      }).pipe(Effect.provide(started().layer))
  )

  it.effect("JY1 a token that was changed, or made with another pepper or for something else, is none", () => {
    const issuer = new Issuer()
    const { store, layer } = startWith(issuer)
    return Effect.gen(function* () {
      const { identity } = yield* keyOf()
      const access = yield* Access
      const { token } = yield* exchange(identity, MINUTE, { keys: ["a"] })
      const [said = "", mark = ""] = token.slice(5).split(".")
      const more = JSON.parse(Buffer.from(said, "base64url").toString()) as [string, string, number, object]
      const admin = Buffer.from(JSON.stringify([more[0], more[1], more[2], { role: "admin", environments: ["*"] }]))
      const ticket = yield* access.ticketFor(yield* authenticate(token), "staging")
      const wrong = [
        `hrst_${admin.toString("base64url")}.${mark}`,
        `hrst_${said}.${"0".repeat(64)}`,
        `hrst_${said}`,
        `hrst_${said}.${mark}0`,
        `hrst_${ticket}`,
        `hrst_.${mark}`
      ]
      for (const one of wrong) {
        isNamed(yield* Effect.flip(authenticate(one)), "Unauthenticated")
        assert.isUndefined((yield* access.atOnce).recognise({ token: one }))
      }
      const elsewhere = Layer.fresh(startWith(issuer, { store, pepper: "q" }).layer)
      isNamed(yield* Effect.flip(authenticate(token)).pipe(Effect.provide(elsewhere)), "Unauthenticated")
    }).pipe(Effect.provide(layer))
  })

  it.effect(
    "JY3, TI1, TI2 a ticket of whoever has no key opens what they may read, and ends with what they showed",
    () => {
      const issuer = new Issuer()
      return Effect.gen(function* () {
        const access = yield* Access
        const identity = yield* authenticate(issuer.token("ann", 10 * MINUTE))
        const ticket = yield* access.ticketFor(identity, "staging")
        const same = yield* access.ticketFor(identity, "staging")
        const opened = yield* access.byTicket({ ticket, environment: "staging" })

        assert.strictEqual(ticket, same)
        assert.deepStrictEqual(
          [opened.role, opened.environments, opened.keys],
          ["subscriber", ["staging"], ops.grant.keys]
        )
        isNamed(yield* Effect.flip(access.byTicket({ ticket, environment: "production" })), "Unauthenticated")
        const other = yield* access.ticketFor(identity, "elsewhere")
        isNamed(yield* Effect.flip(access.byTicket({ ticket: other, environment: "elsewhere" })), "Unauthenticated")
        isNamed(yield* Effect.flip(authenticate(ticket)), "Unauthenticated")
        yield* TestClock.adjust("10 minutes")
        isNamed(yield* Effect.flip(access.byTicket({ ticket, environment: "staging" })), "Unauthenticated")
        assert.isFalse(yield* access.stillValid(opened))
      }).pipe(Effect.provide(startWith(issuer).layer))
    }
  )

  it.effect("JY2 a grant that is too long for a header is refused, not cut", () =>
    Effect.gen(function* () {
      const { identity } = yield* keyOf()
      const keys = Array.from({ length: 100 }, (_, i) => `${"k".repeat(90)}.${i}`)
      isNamed(yield* Effect.flip(exchange(identity, MINUTE, { keys })), "InvalidInput")
    }).pipe(Effect.provide(started().layer))
  )
})
