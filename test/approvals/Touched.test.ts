import { assert, describe, it } from "@effect/vitest"
import { protects } from "../../src/approvals/Protection.ts"
import { touchedOf } from "../../src/approvals/Touched.ts"
import { known } from "../support/Twins.ts"

/** Schedules are what they change; protections are asked for by themselves (AQ7), and what waits for one is held by its own rules. */
const OTHERWISE = ["schedule", "protection", "approval"]

describe("what a change touches", () => {
  it("AQ1 each kind that the log may hold has what protects it: a new one is not left out", () => {
    const without = known.names.filter((kind) => touchedOf({ kind, key: "k" }).length === 0)
    assert.deepStrictEqual(without, OTHERWISE)
  })

  it("AQ1 what no kind is known by touches all of its environment, whatever a protection is for", () => {
    const touched = touchedOf({ kind: "secret_store", key: "k" })
    assert.deepStrictEqual(touched, [{ kind: "*", key: undefined }])
    const narrow = { patterns: ["payments.*"], kinds: ["flag" as const], deleted: false }
    assert.isTrue(touched.some((one) => protects(narrow, one)))
    assert.isFalse(touched.some((one) => protects({ ...narrow, deleted: true }, one)))
  })
})
