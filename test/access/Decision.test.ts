import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { type Act, decide, type Grant, isWithin } from "../../src/access/Decision.ts"
import { granted, type Identity, kinds, type Permission, roles } from "../../src/access/Identity.ts"
import { covers, inKeyScope, isKeyPattern, scopeOf, withinScope } from "../../src/access/KeyScope.ts"
import { refusalOf } from "../../src/access/Refusal.ts"
import { coveredBy } from "../../src/keys/Pattern.ts"

const NOW = 1_000
const who = (its: Partial<Identity> = {}): Identity => ({
  name: "ann",
  keyId: "k",
  role: "publisher",
  environments: ["production"],
  ...its
})
const said = (identity: Identity, act: Act): string => {
  const decided = decide(identity, act, NOW)
  return `${decided.may ? "yes" : "no"}: ${decided.rule}`
}
const write = (kind: (typeof kinds)[number], key?: string): Act => ({
  permission: "config.write",
  environment: "production",
  on: { kind, ...(key === undefined ? {} : { key }) }
})

const permissions = [...granted.admin]
const one = <const A extends ReadonlyArray<string>>(of: A) => Schema.Literals(of)
const anyKey = ["payments", "payments.db", "payments.db.url", "paymentsx", "orders", "herald.variables"] as const
const Patterns = Schema.Array(one(["*", "payments", "payments.*", "payments.db", "payments.db.*", "orders", "o.*"]))
const Topics = Schema.Array(one(["*", "orders", "orders/*", "orders/eu", "orders/eu/*"]))
const AGrant = Schema.Struct({
  role: one(roles),
  environments: Schema.Array(one(["*", "production", "staging"])),
  keys: Schema.optionalKey(Patterns),
  kinds: Schema.optionalKey(Schema.Array(one(kinds))),
  topics: Schema.optionalKey(Topics)
})
const AnAct = Schema.Struct({
  permission: one(permissions as [Permission, ...Array<Permission>]),
  environment: Schema.optionalKey(one(["production", "staging", "dev"])),
  on: Schema.optionalKey(
    Schema.Union([Schema.Literal("some"), Schema.Struct({ kind: one(kinds), key: Schema.optionalKey(one(anyKey)) })])
  ),
  topic: Schema.optionalKey(one(["orders", "orders/eu", "orders/eu/1", "audit"]))
})
const runs = { arbitrary: { runs: 2_000 } }

describe("what an identity may", () => {
  it("DN1 each rule says no by its name", () => {
    const narrow = who({ keys: ["payments.*"], kinds: ["config", "flag"] })
    assert.strictEqual(said(narrow, write("config", "payments.db")), "yes: keys")
    assert.strictEqual(said(narrow, write("config", "payments")), "no: keys") // PT1
    assert.strictEqual(said(narrow, write("segment", "payments.db")), "no: kinds")
    assert.strictEqual(said(narrow, { ...write("config", "payments.db"), environment: "staging" }), "no: environment")
    assert.strictEqual(said({ ...narrow, role: "viewer" }, write("config", "payments.db")), "no: role")
    assert.strictEqual(said(narrow, { permission: "topics.publish", topic: "orders" }), "no: topics")
    assert.strictEqual(said({ ...narrow, until: NOW }, write("config", "payments.db")), "no: expired")
    assert.strictEqual(said({ ...narrow, until: NOW + 1 }, write("config", "payments.db")), "yes: keys")
    assert.strictEqual(said({ ...narrow, until: Number.NaN }, write("config", "payments.db")), "no: expired")
    assert.strictEqual(said(who({ role: "owner" as never }), write("config", "a")), "no: role")
  })

  it("DN1 what does not say what it is about is about every key of every kind", () => {
    const all: Act = { permission: "config.write", environment: "production" }
    assert.strictEqual(said(who(), all), "yes: environment")
    assert.strictEqual(said(who({ keys: ["*"] }), all), "yes: keys")
    assert.strictEqual(said(who({ keys: ["payments.*"] }), all), "no: keys")
    assert.strictEqual(said(who({ kinds: [...kinds] }), all), "no: kinds")
    assert.strictEqual(said(who({ keys: ["payments.*"] }), { ...all, on: "some" }), "yes: environment")
    assert.strictEqual(said(who({ keys: [] }), { ...all, on: "some" }), "no: keys")
    assert.strictEqual(said(who({ kinds: [] }), { ...all, on: "some" }), "no: kinds")
    assert.strictEqual(said(who({ keys: [] }), write("config")), "no: keys")
  })

  it("DN1 a narrowed admin manages no keys, or it would make itself a wider one", () => {
    const admin = who({ role: "admin", environments: ["*"] })
    assert.strictEqual(said(admin, { permission: "keys.manage" }), "yes: environment")
    for (const narrow of [{ keys: ["a.*"] }, { kinds: ["config"] }] as const)
      assert.match(said({ ...admin, ...narrow }, { permission: "keys.manage" }), /^no/)
  })

  it("KX1 narrowed to keys or kinds it has no topics unless they are named", () => {
    const everywhere = who({ environments: ["*"] })
    const publish: Act = { permission: "topics.publish", topic: "orders" }
    assert.strictEqual(said(everywhere, publish), "yes: topics")
    assert.strictEqual(said({ ...everywhere, keys: ["a.*"] }, publish), "no: topics")
    assert.strictEqual(said({ ...everywhere, kinds: ["flag"] }, publish), "no: topics")
    assert.strictEqual(said({ ...everywhere, kinds: ["flag"], topics: ["orders"] }, publish), "yes: topics")
  })

  it("a refusal tells the rule, what is had and what is needed, and nothing of another's text as it came", () => {
    const refused = refusalOf(who({ keys: ["payments.*"], kinds: ["config"] }), write("config", "orders"), NOW)!
    assert.deepStrictEqual(
      [refused.name, refused.message, refused.details],
      [
        "Forbidden",
        "ann is a publisher in production with the keys payments.* of the kinds config; this needs config.write in the environment production for the config orders",
        {
          ...{ rule: "keys", permission: "config.write", environment: "production" },
          ...{ kind: "config", key: "orders", role: "publisher" }
        }
      ]
    )
    const strange = refusalOf(who({ keys: ["a"] }), write("config", `x\u001b[2J${"y".repeat(10_000)}`), NOW)!
    assert.isBelow(strange.message.length, 400)
    assert.notInclude(strange.message, "\u001b")
    const many = refusalOf(who({ keys: Array.from({ length: 100 }, (_, n) => `k${n}`) }), write("config", "a"), NOW)!
    assert.include(many.message, "k9 and 90 more")
    assert.strictEqual(refusalOf(who({ until: 1 }), write("config", "a"), NOW)!.name, "Unauthenticated")
  })

  it.prop(
    "DN1 nobody may what their role, their environments, their kinds and their keys do not all allow",
    [AGrant, AnAct],
    ([grant, act]) => {
      if (!decide(who(grant), act, NOW).may) return
      assert.isTrue(granted[grant.role].has(act.permission))
      if (act.permission.startsWith("topics.")) return
      assert.isTrue(grant.environments.some((its) => its === "*" || its === act.environment))
      const { on } = act
      if (on === "some") return
      if (on === undefined || on.key === undefined) {
        if (on === undefined) assert.isUndefined(grant.kinds)
        if (on === undefined && grant.keys !== undefined) assert.include(grant.keys, "*")
      } else assert.isTrue(grant.keys === undefined || coveredBy(grant.keys, on.key))
      if (on !== undefined && grant.kinds !== undefined) assert.include(grant.kinds, on.kind)
    },
    runs
  )

  it.prop(
    "DN2 a grant within another never may what that may not",
    [AGrant, AGrant, AnAct],
    ([a, b, act]) => {
      if (isWithin(a, b) && decide(who(a), act, NOW).may) assert.isTrue(decide(who(b), act, NOW).may)
    },
    runs
  )

  it.prop(
    "DN2 what is taken from a grant gives nothing new",
    [AGrant, Patterns, Schema.Array(one(kinds)), AnAct],
    ([grant, keys, its, act]) => {
      const less = (wanted: Partial<Grant>) => {
        const narrowed = { ...grant, ...wanted }
        if (decide(who(narrowed), act, NOW).may) assert.isTrue(decide(who(grant), act, NOW).may)
        assert.isTrue(isWithin(narrowed, grant))
      }
      less({ keys: grant.keys === undefined ? keys : grant.keys.slice(1) })
      less({ kinds: grant.kinds === undefined ? its : grant.kinds.slice(1) })
      less({ environments: grant.environments.slice(1) })
      less({ topics: [] })
      assert.isTrue(isWithin(grant, grant))
    },
    runs
  )

  it.prop(
    "DN3 KO1 one key is allowed as the scope of its kind says",
    [AGrant, one(kinds), one(anyKey)],
    ([grant, kind, key]) => {
      const identity = who({ ...grant, role: "admin", environments: ["*"] })
      const decided = decide(identity, { permission: "config.read", on: { kind, key } }, NOW)
      assert.strictEqual(decided.may, inKeyScope(scopeOf(identity, kind), key))
    },
    runs
  )

  it.prop(
    "KO2 what of patterns is within a scope covers a key exactly if both do",
    [Patterns, Patterns, one(anyKey)],
    ([keys, patterns, key]) => {
      const scope = scopeOf({ keys }, "config")
      const both = inKeyScope(scope, key) && coveredBy(patterns, key)
      assert.strictEqual(coveredBy(withinScope(scope, patterns), key), both)
    },
    runs
  )

  it.prop(
    "DN3 all of a pattern is allowed exactly where the whole pattern is granted",
    [Patterns, one(["*", "payments.*", "payments.db.*", "payments", "o.*", "p.*"])],
    ([keys, pattern]) => {
      const act = {
        permission: "config.read",
        environment: "production",
        on: { kind: "config", key: pattern }
      } as const
      assert.strictEqual(
        decide(who({ keys }), act, NOW).may,
        keys.some((its) => covers(its, pattern))
      )
    },
    runs
  )

  it("KO2 a pattern covers another where each key of that is one of its own", () => {
    for (const [outer, inner] of [
      ["*", "a.*"],
      ["a.*", "a.b"],
      ["a.*", "a.b.*"],
      ["a", "a"]
    ] as const)
      assert.isTrue(covers(outer, inner), `${outer} ${inner}`)
    for (const [outer, inner] of [
      ["a.*", "a"],
      ["a.*", "ab.*"],
      ["a.b.*", "a.*"],
      ["a", "a.*"],
      ["a.*", "*"]
    ] as const)
      assert.isFalse(covers(outer, inner), `${outer} ${inner}`)
    for (const good of ["*", "a", "a.*", "a.b.*"]) assert.isTrue(isKeyPattern(good), good)
    for (const bad of ["", "a*", "*.a", "a.*.b", "@flag/*", "@flag/a", ".*", "a ", "a".repeat(300)])
      assert.isFalse(isKeyPattern(bad), bad)
  })
})
