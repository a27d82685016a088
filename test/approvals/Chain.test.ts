/** Whose keys an approver has. */
import { assert, describe, it } from "@effect/vitest"
import { comesFrom } from "../../src/approvals/Chain.ts"

const key = (name: string, createdBy: string) => ({ name, createdBy })

describe("the chain of keys", () => {
  it("AQ10 a key is its maker's, however far it was made on, and nobody else's", () => {
    const keys = [
      key("first-admin", "herald"),
      key("ann", "first-admin"),
      key("bob", "first-admin"),
      key("puppet", "ann"),
      key("helper", "puppet"),
      key("bob", "helper")
    ]
    const made = (name: string, createdBy: string) => comesFrom("ann", key(name, createdBy), keys)
    assert.isFalse(made("bob", "first-admin"))
    assert.isTrue(made("puppet", "ann"))
    assert.isTrue(made("helper", "puppet"))
    assert.isTrue(made("bob", "helper"), "a further key of bob, with one that comes from ann's")
    assert.isTrue(comesFrom("first-admin", key("bob", "first-admin"), keys))
    assert.isFalse(comesFrom("ann", key("x", "x"), [key("x", "x")]), "it ends where keys made each other")
  })
})
