import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Access } from "../../src/access/Access.ts"
import { claimOf, principalOf, readRules } from "../../src/access/ClaimRules.ts"
import { nameProblem } from "../../src/access/Principal.ts"
import { ISSUER, Issuer, isNamed, ops, startWith } from "./Jwt.ts"

const show = (token: string, address?: string) =>
  Effect.flatMap(Access, ({ authenticate }) => authenticate({ token: `Bearer ${token}`, address }))
const refusal = (token: string, address?: string) => Effect.flip(show(token, address))
const HOUR = 3_600_000
const nameOf = (subject: string): string => {
  const named = principalOf({ issuer: ISSUER, subject, claims: {} }, undefined)
  return "wrong" in named ? "" : named.name
}

describe("Jwts", () => {
  it.effect(
    "UW1, JU1, JU3 what is claimed gives what the first rule that fits says, under a name that no key has",
    () => {
      const issuer = new Issuer()
      const admin = { claim: "groups", value: "root", grant: { role: "admin", environments: ["*"] } } as const
      return Effect.gen(function* () {
        const { keyId, ...whom } = yield* show(issuer.token("auth0|ann", HOUR))
        const root = yield* show(issuer.token("bob", HOUR, { groups: ["x", "root"] }))

        assert.deepStrictEqual(whom, {
          ...{ name: "jwt:auth0%7Cann@login.example.com/realms/a", by: "jwt", until: HOUR },
          ...ops.grant
        })
        assert.match(keyId, /^jwt:[0-9a-f]{16}:[0-9a-f]{8}$/)
        assert.strictEqual(root.role, "admin")
        const { createKey } = yield* Access
        isNamed(yield* Effect.flip(createKey({ ...admin.grant, name: whom.name, expiresAt: null })), "Unauthenticated")
      }).pipe(Effect.provide(startWith(issuer, { rules: [admin, ops] }).layer))
    }
  )

  it.effect("JU1 nobody may anything whom no rule names, and is told which settings decide", () => {
    const issuer = new Issuer()
    return Effect.gen(function* () {
      const error = yield* refusal(issuer.token("eve", HOUR, { realm_access: { roles: ["opsy"] } }))

      isNamed(error, "NoGrant")
      assert.include(error.message, "HERALD_OIDC_ROLES")
      assert.include(error.message, "jwt:eve@")
    }).pipe(Effect.provide(startWith(issuer).layer))
  })

  it.effect("UW2 what was right is not asked for again, until its issuer has other keys", () => {
    const issuer = new Issuer()
    return Effect.gen(function* () {
      const { recognise } = yield* (yield* Access).atOnce
      const token = issuer.token("ann", HOUR)
      assert.isUndefined(recognise({ token }))
      const first = yield* show(token)
      const again = [yield* show(token), recognise({ token: `Bearer ${token}` })]
      assert.deepStrictEqual(again, [first, first])
      assert.lengthOf(issuer.asked, 1)

      issuer.generation++
      issuer.tokens.clear()
      assert.isUndefined(recognise({ token }))
      isNamed(yield* refusal(token), "Unauthenticated")
    }).pipe(Effect.provide(startWith(issuer).layer))
  })

  it.effect("UW2 of those that are remembered the oldest goes: 1,000 of them, and their bytes", () => {
    const issuer = new Issuer()
    return Effect.gen(function* () {
      const { recognise } = yield* (yield* Access).atOnce
      const tokens = Array.from({ length: 1_100 }, (_, i) => issuer.token(`s${i}`, HOUR))
      yield* Effect.forEach(tokens, (token) => show(token))
      const known = tokens.filter((token) => recognise({ token }) !== undefined)

      assert.isAtMost(known.length, 1_000)
      assert.isAtLeast(known.length, 500)
      assert.strictEqual(known.at(-1), tokens.at(-1))
      assert.isUndefined(recognise({ token: tokens[0] }))
    }).pipe(Effect.provide(startWith(issuer).layer))
  })

  it.effect(
    "UW3 after 20 wrong tokens of an address no further signature is checked for it, and for others it is",
    () => {
      const issuer = new Issuer()
      return Effect.gen(function* () {
        const right = issuer.token("ann", HOUR)
        yield* show(right, "192.0.2.1")
        for (let i = 0; i < 20; i++) isNamed(yield* refusal(`a.${i}.c`, "192.0.2.1"), "Unauthenticated")
        const asked = issuer.asked.length
        const error = yield* refusal(issuer.token("bob", HOUR), "192.0.2.1")

        isNamed(error, "RateLimited")
        assert.isAbove(Number(error.details?.["retryAfterMillis"]), 0)
        assert.strictEqual(issuer.asked.length, asked)
        assert.strictEqual((yield* show(right, "192.0.2.1")).by, "jwt")
        assert.strictEqual((yield* show(issuer.token("bob", HOUR), "192.0.2.2")).by, "jwt")
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* show(issuer.token("cy", HOUR), "192.0.2.1")).by, "jwt")
      }).pipe(Effect.provide(startWith(issuer).layer))
    }
  )

  it.effect(
    "UW3 an address that many share is not one; an issuer that is away is nobody's fault; what is too long is none",
    () => {
      const issuer = new Issuer()
      return Effect.gen(function* () {
        for (let i = 0; i < 50; i++) isNamed(yield* refusal(`a.${i}.c`, "10.0.0.1"), "Unauthenticated")
        issuer.away = true
        for (let i = 0; i < 50; i++) isNamed(yield* refusal(`b.${i}.c`, "192.0.2.1"), "IssuerUnavailable")
        const asked = issuer.asked.length
        isNamed(yield* refusal(`a.${"b".repeat(8_192)}.c`, "192.0.2.1"), "Unauthenticated")
        assert.strictEqual(issuer.asked.length, asked)
      }).pipe(Effect.provide(startWith(issuer, { shared: (address) => address === "10.0.0.1" }).layer))
    }
  )

  it.effect("UW4, A8 it is good until it ends, then for what is left of 30 s, and what it opened ends with it", () => {
    const issuer = new Issuer()
    return Effect.gen(function* () {
      const { stillValid, atOnce } = yield* Access
      const { recognise } = yield* atOnce
      const token = issuer.token("ann", 60_000)
      const identity = yield* show(token)
      yield* TestClock.adjust("59 seconds")
      assert.isTrue(yield* stillValid(identity))
      yield* TestClock.adjust("1 second")
      assert.isFalse(yield* stillValid(identity))
      const late = [yield* show(token), recognise({ token })]
      assert.deepStrictEqual(
        late.map((one) => one?.until),
        [90_000, 90_000]
      )
      yield* TestClock.adjust("30 seconds")
      assert.isUndefined(recognise({ token }))
      isNamed(yield* refusal(token), "Unauthenticated")
    }).pipe(Effect.provide(startWith(issuer).layer))
  })

  it("JU2 a claim is an own member by its whole name, or a way through own members", () => {
    const claims = { "a.b": 1, a: { b: 2, c: ["x"] }, "https://x/roles": ["y"] }
    const found = ["a.b", "a.c", "https://x/roles", "a.__proto__", "constructor.name", "a.c.length", "nothing"]
    assert.deepStrictEqual(
      found.map((name) => claimOf(claims, name)),
      [1, ["x"], ["y"], undefined, undefined, undefined, undefined]
    )
  })

  const Subject = Schema.String.check(Schema.isMinLength(1), Schema.isMaxLength(12))
  it.prop(
    "JU3 no two subjects have one name, and no name of an issuer is one of an API key",
    [Subject, Subject],
    ([a, b]) => {
      const [one, other] = [nameOf(a), nameOf(b)]
      if (a.isWellFormed()) assert.match(one, /^jwt:[\x21-\x7e]+$/)
      if (a.isWellFormed() && b.isWellFormed()) assert.strictEqual(one === other, a === b)
      assert.isDefined(nameProblem(one))
    }
  )

  it("JU3 what differs by a letter that has to be written otherwise is another's, and what is too long is nobody's", () => {
    const names = ["a|b", "a%7Cb", "a%257Cb", "a b", "a%20b", "ä", "a:b", "A|B"].map(nameOf)
    assert.strictEqual(new Set(names).size, names.length)
    assert.strictEqual(nameOf("x".repeat(255)), "")
  })

  it("JU4 another claim names them where that is asked for, and no address that was not verified", () => {
    const of = (claims: Record<string, unknown>, by: string) =>
      principalOf({ issuer: ISSUER, subject: "1", claims }, by)
    assert.deepStrictEqual(of({ email: "ann@x.org" }, "email"), {
      name: "jwt:ann@x.org@login.example.com/realms/a"
    })
    assert.property(of({ email: "ann@x.org", email_verified: false }, "email"), "wrong")
    assert.property(of({ name: 7 }, "name"), "wrong")
    assert.property(of({}, "name"), "wrong")
  })

  it("JU1 rules that can't be are refused by their number", () => {
    const grant = { role: "viewer", environments: ["*"] }
    for (const [written, said] of [
      [{}, /has to be a list/],
      [
        [
          { claim: "a", value: "b", grant },
          { claim: "a", value: ["b"], grant }
        ],
        /^rule 2: value/
      ],
      [[{ claim: "", value: "b", grant }], /^rule 1: claim/],
      [[{ claim: "a", value: "b", grant, when: 1 }], /^rule 1: "?when/],
      [[{ claim: "a", value: "b", grant: { ...grant, role: "root" } }], /grant: role/],
      [[{ claim: "a", value: "b", grant: { ...grant, environments: [] } }], /grant: environments/],
      [[{ claim: "a", value: "b", grant: { ...grant, keys: ["pay*"] } }], /grant: keys/],
      [[{ claim: "a", value: "b", grant: { ...grant, kinds: ["configs"] } }], /grant: kinds/],
      [[{ claim: "a", value: "b", grant: { ...grant, topic: ["a"] } }], /is none of role/]
    ] as const)
      assert.match(String(readRules(written)), said)
    assert.deepStrictEqual(readRules([ops]), [ops])
  })
})
