/** What is left of a refusal for whoever may not see all that it tells of. */
import { assert, describe, it } from "@effect/vitest"
import { type Identity, system } from "../../src/access/Identity.ts"
import { forbidden } from "../../src/access/Refusal.ts"
import { toldTo, toldToAll } from "../../src/commits/Unseen.ts"
import { failure } from "../../src/errors/HeraldError.ts"

const environment = "production"
const who = (more: Partial<Identity> = {}): Identity => ({
  ...{ name: "pay", keyId: "p", role: "publisher", environments: [environment] },
  ...more
})
const full = failure(
  "EnvironmentFull",
  "production holds 249999 keys, and this adds 2: more than its quota of 250000",
  {
    details: { environment, quota: "keys", used: 249_999, adds: 2, limit: 250_000 }
  }
)
const lacks = failure(
  "ApprovalRequired",
  "the flag project-x in production is protected by secret: 0 of 2 approvals count",
  {
    details: { kind: "flag", key: "project-x", environment, protection: "secret", needed: 2, have: 0, change: "c7" }
  }
)

describe("what a refusal tells", () => {
  it("EQ4 what an environment holds is told only to whoever may read all of it", () => {
    for (const one of [who(), who({ role: "viewer" }), system]) assert.strictEqual(toldTo(one, 0)(full), full)
    for (const one of [who({ keys: ["pay.*"] }), who({ kinds: ["config"] }), who({ environments: ["staging"] })]) {
      const { name, message, details } = toldTo(one, 0)(full)
      assert.strictEqual(name, "EnvironmentFull")
      assert.strictEqual(
        message,
        "production is full: this adds 2 keys, more than there is room for in its quota of 250000"
      )
      assert.deepStrictEqual(details, { environment, quota: "keys", adds: 2, limit: 250_000 })
    }
  })

  it("AQ24 what is kept for others tells nobody's secrets, whoever was refused", () => {
    for (const told of [lacks, toldTo(who({ keys: ["pay.*"] }), 0)(lacks)]) {
      const { name, message, details } = toldToAll(told)
      assert.strictEqual(name, "ApprovalRequired")
      assert.strictEqual(
        message,
        "something in production that not everyone may see is touched by it, and is protected: 0 of 2 approvals count"
      )
      assert.deepStrictEqual(details, { environment, needed: 2, have: 0, hidden: 1, change: "c7" })
    }
    assert.notInclude(JSON.stringify(toldToAll(full)), "249999")
    const refused = forbidden("keys", "pay is a publisher in production with the keys pay.*, project-x; this needs …", {
      ...{ permission: "config.write", environment, kind: "flag", key: "pay.b", role: "publisher" }
    })
    const { message, details } = toldToAll(refused)
    assert.strictEqual(
      message,
      "who asked for it may not: this needs config.write in the environment production for the flag pay.b"
    )
    assert.deepStrictEqual(details, refused.details)
    for (const other of [failure("NotFound", "no key a"), forbidden("lasting", "ask with an API key")])
      assert.strictEqual(toldToAll(other), other)
  })
})
