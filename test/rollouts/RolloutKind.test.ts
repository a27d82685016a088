import { assert, describe, it } from "vitest"
import { asRollout, rolloutBytes, rowOf } from "../../src/rollouts/RolloutKind.ts"
import { mayGoOn, PAGE_BYTES } from "../../src/values/Page.ts"
import { plan, rollout, stage } from "../support/Rollouts.ts"

describe("rollouts in pages and in memory", () => {
  it("PB1 a page that ended for its bytes goes on, however long the names and labels in it", () => {
    const long = stage(100, { instances: ["ツ".repeat(9_000)], where: { region: "ツ".repeat(9_000) } })
    const one = rollout({ plan: plan({ stages: [long] }) })
    const bytes = Buffer.byteLength(JSON.stringify(rowOf(one)))
    const page = Array.from({ length: Math.ceil(PAGE_BYTES / bytes) }, () => one)
    assert.isTrue(mayGoOn(page, 1_000, rolloutBytes))
    assert.isFalse(mayGoOn(page.slice(0, 2), 1_000, rolloutBytes))
    assert.isTrue(mayGoOn(page.slice(0, 2), 2, rolloutBytes))
  })

  it("a row is the rollout again", () => {
    const one = rollout()
    assert.deepStrictEqual(asRollout(JSON.parse(JSON.stringify(rowOf(one)))), one)
  })
})
