import { assert, describe, it } from "@effect/vitest"
import { Stage } from "./Stage.ts"

describe("a subscription that stopped", () => {
  it("DP3 it says whether an event was rejected or has failed too often, whatever attempts are left", () => {
    const stage = new Stage("shared", [null], { maxAttempts: 16, deadLetterTopic: "" })
    stage.join("a", 1)
    stage.poll()
    stage.answer("a", "reject", 0)
    assert.deepStrictEqual(stage.poll(), [])
    assert.match(stage.machine.reason, /^a consumer rejected the event t:0:1:0, and there is no dead-letter topic: /)
  })
})
