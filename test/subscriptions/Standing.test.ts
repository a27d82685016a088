/** What a node makes of how a subscription stands in the store, which may be older than what it did itself. */
import { assert, describe, it } from "@effect/vitest"
import type { Standing } from "../../src/subscriptions/CursorStore.ts"
import { Serving } from "../../src/subscriptions/Serving.ts"
import { subscriptionOf } from "./Defined.ts"

const standing = (subscription: Standing["subscription"]): Standing => ({
  ...{ subscription, now: 0, stamp: "", nodes: [], shares: [] }
})

describe("a subscription as it stands", () => {
  it("DP3 what was read before it was in error doesn't end the error; what was resumed since does", () => {
    const known = subscriptionOf("shared", { lastActivity: 5 })
    const serving = new Serving(known, 0, () => {})
    Object.assign(serving.machine, { status: "error", reason: "why" })
    serving.stand(standing({ ...known, lastActivity: 6 }), "run", 1)
    assert.deepStrictEqual([serving.machine.status, serving.machine.reason], ["error", "why"]) // not told yet
    serving.subscription = { ...known, status: "error", reason: "why", lastActivity: 8 }
    serving.stand(standing({ ...known, lastActivity: 7 }), "run", 2)
    assert.deepStrictEqual([serving.machine.status, serving.subscription.status], ["error", "error"])
    serving.stand(standing({ ...known, lastActivity: 9 }), "run", 3)
    assert.deepStrictEqual([serving.machine.status, serving.machine.reason], ["active", ""])
  })

  it("SI5 that it was moved or changed counts, whatever the time by a clock that was set back", () => {
    const known = subscriptionOf("shared", { lastActivity: 3_600_000 })
    const serving = new Serving(known, 0, () => {})
    serving.stand(standing({ ...known, epoch: 2, lastActivity: 5 }), "run", 1)
    assert.strictEqual(serving.subscription.epoch, 2)
    serving.claimed({ id: known.id, epoch: 2, share: 0, token: 1n, cursors: [] }, new Map())
    assert.deepStrictEqual([...serving.held.keys()], [0])
    const changed = { ...known, epoch: 2, version: 2, maxAttempts: 7, lastActivity: 4 }
    serving.stand(standing(changed), "run", 2)
    assert.deepInclude(serving.machine.subscription, { version: 2, maxAttempts: 7 })
  })

  it("SI4 what is said of it anew counts here, too", () => {
    const known = subscriptionOf("shared", { maxAttempts: 3 })
    const serving = new Serving(known, 0, () => {})
    serving.stand(standing({ ...known, version: 2, maxAttempts: 7, maxInFlight: 3 }), "run", 1)
    assert.deepInclude(serving.machine.subscription, { version: 2, maxAttempts: 7, maxInFlight: 3 })
  })

  it("SI4 so does what the store says when it is told that this is in error", () => {
    const known = subscriptionOf("shared", { deadLetterTopic: "", maxAttempts: 3 })
    const serving = new Serving(known, 0, () => {})
    Object.assign(serving.machine, { status: "error", reason: "why" })
    const changed = { ...known, version: 2, maxAttempts: 9, deadLetterTopic: "dead", lastActivity: 5 }
    serving.become({ ...changed, status: "error", reason: "why" })
    assert.deepInclude(serving.machine.subscription, { version: 2, maxAttempts: 9, deadLetterTopic: "dead" })
    serving.stand(standing({ ...changed, lastActivity: 6 }), "run", 1)
    assert.deepInclude(serving.machine.subscription, { version: 2, deadLetterTopic: "dead" })
    assert.strictEqual(serving.machine.status, "active")
  })
})
