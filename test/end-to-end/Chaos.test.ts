/** Several faults, drawn by a seed: nothing acked is lost, nobody goes backwards, one version for each idempotency key, Redis is never behind, rollouts are whole, topics and subscriptions keep what they promise, all converge. */
import { assert, describe, it } from "@effect/vitest"
import { run } from "../chaos/Chaos.ts"

describe("chaos", () => {
  it("CP1 CP2 CP4 CP5 CP6 CP7 CP8 CP9 every promise holds through 20 s of drawn faults", async () => {
    const { schedule, published, rollouts, events, deliveries, wrong } = await run({
      seed: 7,
      millis: 20_000,
      kafka: false
    })

    assert.deepStrictEqual(wrong, [], `seed 7: ${schedule.join("; ")}`)
    assert.isAbove(published, 1)
    assert.isAbove(rollouts, 0)
    assert.isAbove(events, 100)
    assert.isAbove(deliveries.all, 100)
    assert.isAbove(schedule.length, 2)
  })
})
