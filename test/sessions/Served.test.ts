import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import type { Identity } from "../../src/access/Identity.ts"
import { inKeyScope, scopeOf } from "../../src/access/KeyScope.ts"
import { HeraldError } from "../../src/errors/HeraldError.ts"
import { coveredBy } from "../../src/keys/Pattern.ts"
import { servedTo } from "../../src/sessions/Served.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import { settle } from "../support/Clock.ts"
import { FakeSink } from "../support/FakeSink.ts"
import { Faults } from "../support/Faults.ts"
import { publish } from "../support/Release.ts"
import { subscription } from "../support/Subscription.ts"
import { sessionsWith } from "../support/Twins.ts"
import { connect, here, words } from "./Harness.ts"

const who = (its: Partial<Identity> = {}): Identity => ({
  name: "pay",
  keyId: "k",
  role: "subscriber",
  environments: ["production"],
  keys: ["payments.*"],
  ...its
})
const asked = (patterns: ReadonlyArray<string>, byDefault = false) => ({
  environment: "production",
  patterns,
  byDefault
})
const served = (identity: Identity, ...of: Parameters<typeof asked>) => {
  const found = servedTo(identity, asked(...of), 0)
  return found instanceof HeraldError ? `${found.name} ${found.details?.["rule"]}: ${found.details?.["key"]}` : found
}

describe("what a client is served", () => {
  it("XS2 of a pattern the part that it may have, and of a key all or nothing", () => {
    const eu = who({ keys: ["payments.eu.*", "payments.eu", "orders"] })
    assert.deepStrictEqual(served(eu, ["payments.*"]), ["payments.eu", "payments.eu.*"])
    assert.deepStrictEqual(served(eu, ["payments.eu.db"]), ["payments.eu.db"])
    assert.deepStrictEqual(served(eu, ["orders", "payments.eu.db.*"]), ["orders", "payments.eu.db.*"])
    assert.strictEqual(served(eu, ["payments.*", "payments.us"]), "Forbidden keys: payments.us")
    assert.strictEqual(served(eu, ["orders.*"]), 'Forbidden keys: "orders.*"')
    assert.deepStrictEqual(served(eu, ["@flag/*"]), ["@flag/orders", "@flag/payments.eu", "@flag/payments.eu.*"])
    assert.deepStrictEqual(served(who({ keys: ["*"] }), ["a", "b.*"]), ["a", "b.*"])
  })

  it("XS2 a kind that it has no right to brings nothing, and is refused where it is all", () => {
    const values = who({ kinds: ["config"] })
    assert.deepStrictEqual(served(values, ["payments.*", "@flag/*"]), ["payments.*"])
    assert.strictEqual(served(values, ["payments.*", "@flag/payments.x"]), "Forbidden kinds: payments.x")
    assert.strictEqual(served(values, ["@flag/*"]), "Forbidden kinds: undefined")
    assert.deepStrictEqual(served(who({ kinds: ["flag"] }), ["@flag/*", "payments.*"]), ["@flag/payments.*"])
    assert.strictEqual(served(who({ keys: [] }), ["a.*"]), "Forbidden keys: undefined")
    assert.match(String(served(values, ["@toy/a"])), /^Forbidden/)
  })

  it("XS2 a service that names no pattern is not refused for its own name", () => {
    assert.deepStrictEqual(served(who(), ["payments", "payments.*"], true), ["payments.*"])
    assert.strictEqual(served(who(), ["orders", "orders.*"], true), "Forbidden keys: orders")
  })

  const keys = ["payments", "payments.db", "payments.db.url", "paymentsx", "orders", "orders.a"] as const
  const pattern = Schema.Literals(["payments", "payments.*", "payments.db", "payments.db.*", "orders", "orders.*"])
  const scope = Schema.Literals(["*", "payments.*", "payments.db", "payments.db.*", "orders", "o.*"])
  it.prop(
    "XS1 a key is served that is asked for and that it may have, and no other",
    [Schema.Array(pattern), Schema.Array(scope)],
    ([patterns, mine]) => {
      const identity = who({ keys: mine })
      const found = servedTo(identity, asked(patterns, true), 0)
      const its = found instanceof HeraldError ? [] : found
      for (const key of keys) {
        const may = inKeyScope(scopeOf(identity, "config"), key)
        assert.strictEqual(coveredBy(its, key), coveredBy(patterns, key) && may, `${key} of ${its.join(" ")}`)
      }
    },
    { arbitrary: { runs: 1_000 } }
  )

  it.effect("XS1 a narrowed client is sent what it may have, at first, on a change and with what it held", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      yield* publish({ key: "svc.pay.db", value: "1" })
      yield* publish({ key: "svc.orders", value: "secret" })
      const sink = new FakeSink()
      const held = [["svc.orders", "d", 1n]] as const
      const identity = who({ keys: ["svc.pay.*"] })
      const session = yield* sessions.open(subscription({ identity, patterns: ["svc.*"], held }), sink)
      yield* settle
      assert.deepStrictEqual(session.subscription.patterns, ["svc.pay.*"])
      yield* publish({ key: "svc.orders", value: "secret2" })
      yield* publish({ key: "svc.orders.deep", value: "secret3" })
      yield* publish({ key: "svc.pay.db", value: "2" })
      yield* settle
      assert.deepStrictEqual(words(sink), ["svc.orders deleted", "svc.pay.db 1", "synced", "svc.pay.db 2"])
      const error = yield* Effect.flip(
        sessions.open(subscription({ identity, patterns: ["svc.orders"], instance: "i2" }), new FakeSink())
      )
      assert.strictEqual(error.name, "Forbidden")
      assert.include(error.message, "svc.orders")
      assert.strictEqual(sessions.size(), 1)
    }).pipe(Effect.provide(sessionsWith({})))
  )

  it.effect("XS3 what a client holds from before and may have no more is gone, once, and comes by no way again", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const sessions = yield* Sessions
      for (const key of ["svc.pay.db", "svc.orders", "svc.orders.deep", "elsewhere"])
        yield* publish({ key, value: "1" })
      yield* publish({ key: "svc.orders", value: "secret" })
      const { revision, epoch } = yield* here
      const sink = new FakeSink()
      const held = [
        ["svc.orders", "a".repeat(64), 2n],
        ["svc.orders.deep", "", 3n],
        ["svc.never", "b".repeat(64), 0n],
        ["elsewhere", "c".repeat(64), 4n]
      ] as const
      const identity = who({ keys: ["svc.pay.*"] })
      const its = { identity, patterns: ["svc.*"], held, position: { epoch, revision } }
      yield* sessions.open(subscription(its), sink)
      yield* settle
      assert.sameMembers(words(sink), ["svc.orders deleted", "svc.never deleted", "svc.pay.db 1", "synced"])
      const at = new Map(sink.values.map((update) => [update.key, `${update.epoch} ${update.revision}`]))
      // No later than what it holds: what it may have again one day must not be older than that it was gone.
      assert.strictEqual(at.get("svc.orders"), `${epoch} 2`)
      assert.strictEqual(at.get("svc.never"), `${epoch} ${revision}`)

      faults.restore(5)
      yield* TestClock.adjust("1 second")
      yield* settle
      yield* publish({ key: "svc.orders", value: "again" })
      yield* settle
      assert.notInclude(JSON.stringify(words(sink).slice(4)), "orders")
      assert.notInclude(JSON.stringify(words(sink)), "secret")
    }).pipe(Effect.provide(sessionsWith({}, faults.layer(true))))
  })

  it.effect("XS3 who may have all that it asks for, and holds more, is told nothing of the rest", () =>
    Effect.gen(function* () {
      yield* publish({ key: "svc.a", value: "1" })
      const { sink } = yield* connect({ patterns: ["svc.*"], held: [["elsewhere", "a".repeat(64), 1n]] })
      assert.deepStrictEqual(words(sink), ["svc.a 1", "synced"])
    }).pipe(Effect.provide(sessionsWith({})))
  )
})
