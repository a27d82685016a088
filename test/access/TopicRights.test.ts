import { assert, describe, it } from "@effect/vitest"
import { type Identity, roles } from "../../src/access/Identity.ts"
import { isTopicPattern, mayTopic, topicsOf } from "../../src/access/TopicRights.ts"

const who = (its: Partial<Identity>): Identity => ({
  name: "ann",
  keyId: "k",
  role: "publisher",
  environments: ["production"],
  ...its
})

describe("topics of an API key", () => {
  it("KX1 a key that names none has all topics where it works everywhere, and else none", () => {
    assert.deepStrictEqual(topicsOf(who({ environments: ["*"] })), ["*"])
    assert.deepStrictEqual(topicsOf(who({})), [])
    assert.deepStrictEqual(topicsOf(who({ environments: ["*"], topics: [] })), [])
    assert.isFalse(mayTopic(who({}), "topics.publish", "orders"))
    assert.isFalse(mayTopic(who({}), "topics.publish", undefined))
  })

  it("KX1 a pattern covers its name, or what is below it and nothing else", () => {
    const ann = who({ topics: ["orders/*", "audit"] })
    for (const name of ["orders/eu", "orders/eu/1", "audit"]) assert.isTrue(mayTopic(ann, "topics.publish", name), name)
    for (const name of ["orders", "ordersx", "orders-eu/1", "audit/x", "audits", "*"])
      assert.isFalse(mayTopic(ann, "topics.publish", name), name)
    assert.isTrue(mayTopic(ann, "topics.publish", undefined))
    for (const good of ["*", "a", "a/b", "a/*", "a.b-c_d/*"]) assert.isTrue(isTopicPattern(good), good)
    for (const bad of ["", "/*", "a*", "*/a", "a/*/b", "../*", "a//*", "a/**", "a b"])
      assert.isFalse(isTopicPattern(bad), bad)
  })

  it("KX1 a role bounds what its patterns allow", () => {
    const able = (permission: Parameters<typeof mayTopic>[1]) =>
      roles.filter((role) => mayTopic(who({ role, topics: ["*"] }), permission, "orders"))
    assert.deepStrictEqual(able("topics.manage"), ["admin"])
    assert.deepStrictEqual(able("topics.publish"), ["admin", "publisher"])
    assert.deepStrictEqual(able("topics.consume"), ["admin", "publisher", "subscriber"])
    assert.deepStrictEqual(able("topics.read"), [...roles])
  })
})
