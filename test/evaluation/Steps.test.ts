import { assert, describe, it } from "@effect/vitest"
import { tell } from "../../src/evaluation/Steps.ts"
import { flagWith, how } from "../support/Definitions.ts"

describe("steps of a decision", () => {
  it("FE9, FE10 steps say what was asked, what it gave and why, and end with the answer", () => {
    const flag = flagWith({
      if: [
        { and: [{ in: [{ var: "country" }, ["de", "at"]] }, { ends_with: [{ var: "email" }, "@example.com"] }] },
        {
          fractional: [
            ["on", 50],
            ["off", 50]
          ]
        },
        "off"
      ]
    })
    const { steps, resolution } = tell(flag, { targetingKey: "user-1", country: "de", email: "a@example.com" }, how())
    assert.deepStrictEqual(
      steps.map(({ at, gave }) => [at, gave]),
      [
        ["/targeting/if/0/and/0/in", "true"],
        ["/targeting/if/0/and/1/ends_with", "true"],
        ["/targeting/if/0/and", "true"],
        ["/targeting/if/1/fractional", JSON.stringify(resolution.variant)]
      ]
    )
    assert.match(steps.at(-1)!.because!, /^bucket \d+ of 100 for "toggleuser-1" \(hash \d+, bucketing v2\)$/)
    assert.strictEqual(steps[0]!.because, '"de", ["de","at"]')
    const many = flagWith({
      if: Array.from({ length: 900 }, (_, n) => (n % 2 === 0 ? { "==": [{ var: "x" }, n] } : "on"))
    })
    assert.strictEqual(tell(many, { x: "é".repeat(5_000) }, how()).steps.length, 100)
  })

  it("FE10 what it takes to tell steps is bounded as they are", () => {
    let asked = 0
    const context = {
      get email() {
        asked++
        return "z"
      }
    }
    const wide = { or: Array.from({ length: 900 }, (_, n) => ({ "==": [{ var: "email" }, `u${n}`] })) }
    const { steps, resolution } = tell(flagWith({ if: [wide, "on", "off"] }), context, how())
    assert.strictEqual(resolution.variant, "off")
    assert.strictEqual(steps.length, 100)
    assert.deepStrictEqual([steps.at(-1)!.asked, steps.at(-1)!.gave], ["more", '"off"'])
    assert.isBelow(asked, 900 + 4 * 100)

    // Parts of parts, each with all that is below it.
    let nested: object = { or: Array.from({ length: 90 }, (_, n) => ({ "==": [{ var: "email" }, `u${n}`] })) }
    for (let level = 0; level < 25; level++)
      nested = { or: [nested, { in: ["x", Array.from({ length: 900 }, (_, n) => `${level} ${n}`)] }] }
    asked = 0
    const deep = tell(flagWith({ if: [nested, "on", "off"] }), context, how())
    assert.strictEqual(deep.steps.at(-1)!.asked, "more")
    assert.isBelow(asked, 90 + 3 * 90 + 2 * 25 * 90)

    const list = Array.from({ length: 60_000 }, () => 1)
    const costly = {
      or: Array.from({ length: 50 }, (_, n) => ({ some: [{ var: "a" }, { "==": [{ var: "" }, n + 2] }] }))
    }
    const dear = tell(flagWith({ if: [costly, "on", "off"] }), { a: list }, how())
    assert.strictEqual(dear.steps.at(-1)!.asked, "more")
    assert.isBelow(dear.steps.length, 50)
  })

  it("FE13 many private names are looked for as one is", () => {
    const names = Array.from({ length: 10_000 }, (_, n) => `n${n}.x`)
    const rule = {
      or: [{ "==": [{ var: "n7.x.y" }, "s3cret"] }, { "==": [{ var: "n8" }, 1] }, { "==": [{ var: "n9.y" }, 1] }]
    }
    const context = { n7: { x: { y: "s3cret" } }, _meta: { privateAttributes: [...names, "z".repeat(2_000)] } }
    const { steps } = tell(flagWith({ if: [rule, "on", "off"] }), context, how())
    assert.deepStrictEqual(steps.map(({ because }) => because).slice(0, 1), ['(private), "s3cret"'])
    const far = Array.from({ length: 900 }, (_, n) => ({ "==": [{ var: `far${n}` }, 1] }))
    assert.strictEqual(tell(flagWith({ if: [{ or: far }, "on", "off"] }), context, how()).steps.length, 100)
  })
})
