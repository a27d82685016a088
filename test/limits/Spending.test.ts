import { assert, describe, it } from "vitest"
import { countingOnce } from "../../src/limits/Counting.ts"
import { quotaIn } from "../../src/limits/Quotas.ts"
import { RateLimits } from "../../src/limits/RateLimits.ts"
import { type LimitRule, limitsOf, quotasOf, readLimits } from "../../src/limits/Rules.ts"
import { makeSpending, toldOf } from "../../src/limits/Spending.ts"

const rules: ReadonlyArray<LimitRule> = [
  { environment: "production", perSecond: 1, burst: 5 },
  { door: "http", perSecond: 1, burst: 8 },
  { door: "http", environment: "production", perSecond: 1, burst: 2 }
]
const spending = () => makeSpending((_, limit) => new RateLimits(limit), { perSecond: 1, burst: 20 }, rules)
const ann = { name: "ann", door: "http" } as const

describe("limits of doors and environments", () => {
  it("LX1 a request counts in each limit that fits, and the narrowest that refuses is named", () => {
    const { take } = spending()
    const refusals = Array.from({ length: 3 }, () => take(ann, "production", 1, 0)?.details?.["limit"])
    assert.deepStrictEqual(refusals, [undefined, undefined, "principal/http/production"])
    const elsewhere = Array.from({ length: 7 }, () => take(ann, "staging", 1, 0)?.details?.["limit"])
    assert.deepStrictEqual(elsewhere, [...Array(6).fill(undefined), "principal/http"])
    const grpc = { name: "ann", door: "grpc" } as const
    const other = Array.from({ length: 4 }, () => take(grpc, "production", 1, 0)?.details?.["limit"])
    assert.deepStrictEqual(other, [undefined, undefined, undefined, "principal/production"])
    assert.isUndefined(take({ name: "ben", door: "http" }, "production", 1, 0))
  })

  it("LX1 what is refused by one limit uses up none behind it", () => {
    const { take, told } = spending()
    for (let i = 0; i < 50; i++) take(ann, "production", 1, 0)
    assert.include(told(ann, undefined, 0).ratelimit, '"principal";r=18')
  })

  it("LX1 what was counted before counts in the environment alone", () => {
    const { within, told } = spending()
    assert.isUndefined(within(ann, "production", 2, 0))
    assert.strictEqual(within(ann, "production", 1, 0)?.details?.["limit"], "principal/http/production")
    assert.include(told(ann, undefined, 0).ratelimit, '"principal/http";r=8')
  })

  it("LX2 headers tell of the limits that fit, as structured fields", () => {
    const { told } = spending()
    assert.deepStrictEqual(told({ name: "ann", door: "grpc" }, "staging", 0), {
      ratelimit: '"principal";r=20;t=0',
      "ratelimit-policy": '"principal";q=20;w=20'
    })
    assert.strictEqual(
      told(ann, "production", 0)["ratelimit-policy"],
      '"principal/http/production";q=2;w=2, "principal/production";q=5;w=5, "principal/http";q=8;w=8, "principal";q=20;w=20'
    )
    const details = { limit: "principal", perSecond: 10, burst: 25, retryAfterMillis: 1_200 }
    assert.deepStrictEqual(toldOf(details), {
      ratelimit: '"principal";r=0;t=2',
      "ratelimit-policy": '"principal";q=25;w=3'
    })
    assert.isUndefined(toldOf({ retryAfterMillis: 3 }))
  })

  it("LX3 a request counts once in each environment that it touches", () => {
    const counted: Array<string> = []
    const { count, environment } = countingOnce((_, where) => void counted.push(where), "staging")
    for (const where of ["staging", "production", "production", "staging"]) count(ann, where)
    assert.deepStrictEqual([counted, environment()], [["production"], "production"])
  })

  it("LR1 a rule that is none is refused, with what is wrong", () => {
    const rate = { requestsPerSecond: 5 }
    const wrong: ReadonlyArray<readonly [unknown, RegExp]> = [
      [7, /rule 1: it has to be/],
      [{ ...rate }, /has to name a door or an environment/],
      [{ ...rate, door: "telnet" }, /door: one of http, grpc, websocket/],
      [{ ...rate, environment: "no such" }, /environment/],
      [{ ...rate, door: "http", per: 1 }, /"per" is none of/],
      [{ door: "http" }, /requestsPerSecond/],
      [{ door: "http", requestsPerSecond: 0.5 }, /requestsPerSecond/],
      [{ ...rate, door: "http", burst: -1 }, /burst/]
    ]
    for (const [rule, said] of wrong) {
      assert.match(String(readLimits([rule])), said)
      assert.deepStrictEqual(limitsOf([rule]), [])
    }
    assert.match(
      String(
        readLimits([
          { ...rate, door: "http" },
          { ...rate, door: "http" }
        ])
      ),
      /rule 2: there is one for/
    )
    assert.match(String(readLimits(Array(33).fill({ ...rate, door: "http" }))), /more than 32/)
    assert.deepStrictEqual(limitsOf([{ ...rate, door: "http" }]), [{ door: "http", perSecond: 5, burst: 10 }])
  })

  it("LR2 an environment's rule says what that may hold, with a rate or without; no door's does", () => {
    const each = { keys: 10, bytes: 100 }
    const wrong: ReadonlyArray<readonly [unknown, RegExp]> = [
      [{ door: "http", environment: "a", keys: 1 }, /whatever the door/],
      [{ keys: 1 }, /has to name a door or an environment/],
      [{ environment: "a", keys: -1 }, /keys: a whole number/],
      [{ environment: "a", bytes: 0.5 }, /bytes: a whole number/],
      [{ environment: "a", keys: 1, burst: 3 }, /requestsPerSecond/]
    ]
    for (const [rule, said] of wrong) {
      assert.match(String(readLimits([rule])), said)
      assert.deepStrictEqual(quotasOf(each, [rule]), { ...each, of: new Map() })
    }
    const rules = [
      { environment: "a", keys: 1 },
      { environment: "b", requestsPerSecond: 5, keys: 0, bytes: 7 },
      { door: "http", requestsPerSecond: 5 }
    ]
    const quotas = quotasOf(each, rules)
    assert.deepStrictEqual(quotaIn(quotas, "a"), { keys: 1, bytes: 100 })
    assert.deepStrictEqual(quotaIn(quotas, "b"), { keys: 0, bytes: 7 })
    assert.deepStrictEqual(quotaIn(quotas, "c"), each)
    assert.deepStrictEqual(limitsOf(rules), [
      { environment: "b", perSecond: 5, burst: 10 },
      { door: "http", perSecond: 5, burst: 10 }
    ])
  })
})
