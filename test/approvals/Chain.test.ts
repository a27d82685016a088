/** Who is a person, by the keys that there are. */
import { assert, describe, it } from "@effect/vitest"
import { type Made, meeting, personsOf } from "../../src/approvals/Chain.ts"

const key = (name: string, createdBy: string, changed: Partial<Made> = {}): Made => ({
  ...{ id: `${name}-by-${createdBy}`, name, createdBy, expiresAt: null, revokedAt: null },
  ...changed
})
/** With the key that `by` made; left out, with none that is known. */
const who = (name: string, by?: string) => ({ name, keyId: by === undefined ? "jwt:1:2" : `${name}-by-${by}` })

const first = key("first", "herald")
const team = [
  key("ann", "first"),
  key("bob", "first"),
  key("puppet", "ann"),
  key("helper", "puppet"),
  key("bob", "helper")
]
const gone = [{ ...first, revokedAt: 1 }, ...team]

describe("persons", () => {
  it("AQ10 who made a key, or one that it comes from, is one person with whose it is, whoever of them asks", () => {
    for (const [a, b, by] of [
      [who("ann", "first"), who("puppet", "ann"), "ann"],
      [who("ann", "first"), who("helper", "puppet"), "ann"],
      [who("ann", "first"), who("bob", "helper"), "ann"],
      [who("puppet", "ann"), who("helper", "puppet"), "puppet"],
      [who("ann", "first"), who("bob", "first"), undefined]
    ] as const)
      for (const [one, other] of [
        [a, b],
        [b, a]
      ] as const)
        assert.strictEqual(meeting(one, other, gone, 5), by)
    assert.strictEqual(meeting(who("first", "herald"), who("ann", "first"), gone, 5), "first")
    const twins = [...gone, key("p", "ann"), key("q", "ann")]
    assert.strictEqual(meeting(who("p", "ann"), who("q", "ann"), twins, 5), "ann")
    const left = twins.map((one) => (one.name === "ann" ? { ...one, revokedAt: 1 } : one))
    assert.strictEqual(meeting(who("p", "ann"), who("q", "ann"), left, 5), "ann", "ann may have kept both")
  })

  it("AQ10 another who rotates a key takes it from its maker; who rotates their own does not", () => {
    const keys = [...gone, key("cid", "first"), key("p", "ann"), key("p", "cid"), key("p", "p")]
    assert.isUndefined(meeting(who("ann", "first"), who("p", "cid"), keys, 5))
    assert.strictEqual(meeting(who("cid", "first"), who("p", "cid"), keys, 5), "cid")
    assert.strictEqual(meeting(who("ann", "first"), who("p", "p"), keys, 5), "ann")
  })

  it("AQ10 who is of an issuer is a person by themselves, and one with the keys that they made", () => {
    const keys = [key("p", "jwt:ann@x"), key("q", "jwt:bob@x")]
    assert.isUndefined(meeting(who("jwt:ann@x"), who("jwt:bob@x"), keys, 5))
    assert.strictEqual(meeting(who("jwt:ann@x"), who("p", "jwt:ann@x"), keys, 5), "jwt:ann@x")
    assert.isUndefined(meeting(who("p", "jwt:ann@x"), who("q", "jwt:bob@x"), keys, 5))
    assert.strictEqual(
      meeting(who("p"), who("jwt:ann@x"), keys, 5),
      "jwt:ann@x",
      "by a key that nobody knows: by all of them"
    )
  })

  it("AQ15 who was first is nobody's maker once their keys are over, and only who was let in by the server is first", () => {
    const [ann, bob] = [who("ann", "first"), who("bob", "first")]
    assert.strictEqual(meeting(ann, bob, [first, ...team], 5), "first")
    assert.isUndefined(meeting(ann, bob, [{ ...first, expiresAt: 5 }, ...team], 5))
    assert.strictEqual(meeting(ann, bob, [{ ...first, expiresAt: 6 }, ...team], 5), "first")
    assert.isUndefined(meeting(ann, bob, [...gone, key("first", "first", { revokedAt: 2 })], 5))
    assert.strictEqual(meeting(ann, bob, [...gone, key("first", "first")], 5), "first")
    const named = [...gone, key("first", "eve", { revokedAt: 2 }), key("eve", "herald", { revokedAt: 2 })]
    assert.strictEqual(meeting(ann, bob, named, 5), "first", "somebody else gave that principal a key")
  })

  it("AQ14 those who meet are one, also through somebody else", () => {
    const keys = [...gone, key("cid", "first"), key("between", "ann"), key("between", "cid")]
    const persons = (...those: Parameters<typeof personsOf>[0]) => Object.fromEntries(personsOf(those, keys, 5))
    assert.deepStrictEqual(persons(who("bob", "first"), who("puppet", "ann"), who("ann", "first")), {
      ...{ bob: "bob", puppet: "ann", ann: "ann" }
    })
    assert.deepStrictEqual(persons(who("cid", "first"), who("ann", "first")), { cid: "cid", ann: "ann" })
    assert.deepStrictEqual(persons(who("cid", "first"), who("ann", "first"), who("between")), {
      ...{ cid: "ann", ann: "ann", between: "ann" }
    })
  })
})
