import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Access } from "../../src/access/Access.ts"
import { claimOf, passedOver, principalOf, readRules, shownOf } from "../../src/access/ClaimRules.ts"
import { nameProblem } from "../../src/access/Principal.ts"
import { ISSUER, Issuer, isNamed, ops, startWith } from "./Jwt.ts"

const show = (token: string, address?: string) =>
  Effect.flatMap(Access, ({ authenticate }) => authenticate({ token: `Bearer ${token}`, address }))
const refusal = (token: string, address?: string) => Effect.flip(show(token, address))
const HOUR = 3_600_000
const nameOf = (subject: string): string => {
  const named = principalOf({ issuer: ISSUER, subject })
  return "wrong" in named ? "" : named.name
}

describe("rules on claims", () => {
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

  it.effect("JU4 who has two addresses is one, and two who are called alike are two", () => {
    const issuer = new Issuer()
    return Effect.gen(function* () {
      const called = (subject: string, email: string) =>
        show(issuer.token(subject, HOUR, { email, email_verified: true }))
      const [ann, married, other] = [
        yield* called("1", "ann@x.org"),
        yield* called("1", "ann@y.org"),
        yield* called("2", "ann@x.org")
      ]
      assert.deepStrictEqual(
        [ann, married, other].map(({ name, shown }) => [name, shown]),
        [
          ["jwt:1@login.example.com/realms/a", "ann@x.org"],
          ["jwt:1@login.example.com/realms/a", "ann@y.org"],
          ["jwt:2@login.example.com/realms/a", "ann@x.org"]
        ]
      )
      assert.strictEqual(ann.keyId, married.keyId)
      assert.notStrictEqual(ann.keyId, other.keyId)
    }).pipe(Effect.provide(startWith(issuer, { nameClaim: "email" }).layer))
  })

  it("JU4 JU5 what is shown is a text of a line, and an address that was verified", () => {
    const shown = (claims: Record<string, unknown>, by: string | undefined = "email") => shownOf(claims, by)
    assert.strictEqual(shown({ email: "ann@x.org", email_verified: true }), "ann@x.org")
    assert.strictEqual(shown({ user: { email: "a@x", email_verified: true } }, "user.email"), "a@x")
    for (const email_verified of [undefined, false, "true", 1, null])
      assert.isUndefined(shown({ email: "ann@x.org", email_verified }), String(email_verified))
    assert.isUndefined(shown({ user: { email: "a@x" }, email_verified: true }, "user.email"))
    for (const name of [7, "", "a\nb", "a\u202eb", "a\u001b[31m", "x".repeat(129), ["a"]])
      assert.isUndefined(shown({ name }, "name"))
    assert.strictEqual(shown({ name: "Ann Ä." }, "name"), "Ann Ä.")
    assert.isUndefined(shown({ name: "a" }, undefined))
  })

  it("JU5 an address is one by whatever name it is called, and what was verified is said beside it by the same", () => {
    const names = ["profile.email", "https://x.org/email", "https://x.org#email", "urn:x:email"]
    for (const name of names) {
      assert.isUndefined(claimOf({ [name]: "a@x" }, name), name)
      assert.isUndefined(claimOf({ [name]: "a@x", email: "b@x", email_verified: true }, name), name)
      assert.isUndefined(claimOf({ [name]: "a@x", [`${name}_verified`]: "true" }, name), name)
      assert.strictEqual(claimOf({ [name]: "a@x", [`${name}_verified`]: true }, name), "a@x")
    }
    assert.isUndefined(claimOf({ user: { "x/email": "a@x", email_verified: true } }, "user.x/email"))
    assert.strictEqual(claimOf({ user: { "x/email": "a@x", "x/email_verified": true } }, "user.x/email"), "a@x")
    for (const name of ["emails", "x.no-email", "email.x"]) assert.strictEqual(claimOf({ [name]: "a" }, name), "a")
  })

  it.effect("JU5 a rule by address fits one that was verified alone, and is named where it would fit", () => {
    const issuer = new Issuer()
    const boss = { claim: "email", value: "boss@x.org", grant: { role: "admin", environments: ["*"] } } as const
    const claims = { email: "boss@x.org" }
    return Effect.gen(function* () {
      const right = yield* show(issuer.token("1", HOUR, { ...claims, email_verified: true }))
      assert.deepStrictEqual([right.role, right.notes], ["admin", undefined])
      for (const [i, email_verified] of [undefined, false, "true"].entries()) {
        const less = yield* show(issuer.token(`2${i}`, HOUR, { ...claims, email_verified }))
        assert.deepStrictEqual([less.role, less.notes?.length], ["publisher", 1])
        assert.match(less.notes?.[0] ?? "", /^rule 1 of HERALD_OIDC_ROLES .*email_verified/)
      }
      const error = yield* refusal(issuer.token("3", HOUR, { ...claims, realm_access: {} }))
      isNamed(error, "NoGrant")
      assert.include(error.message, "email_verified")
      assert.deepStrictEqual(passedOver([boss], { email: "eve@x.org" }), [])
      assert.lengthOf(passedOver([boss, boss, boss, boss], claims), 3)
    }).pipe(Effect.provide(startWith(issuer, { rules: [boss, ops] }).layer))
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
