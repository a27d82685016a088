import { assert, describe, it } from "@effect/vitest"
import { Hands } from "../../../src/client/topics/Hands.ts"

const event = (payload: string, key = "") => ({ key, payload: Buffer.from(payload) })

describe("what a consumer has in its hands", () => {
  it("QH6 what was done and not confirmed when the position was set anew, or of another subscription, is begun again", () => {
    const hands = new Hands()
    const delivery = (token: bigint, subscriptionEpoch: bigint) => ({
      ...{ token, partition: 0, epoch: 1, floor: 0n, subscriptionEpoch },
      events: [{ offset: 5n, attempt: 1, publishedMs: 1n, event: { ...event("b", "k"), timeMs: 0n, headers: {} } }]
    })
    const done = () => {
      hands.answer(hands.take(0)!, { kind: 0 }, 0)
      return hands.answers(0)
    }
    const on = (id: string, token: bigint, epoch: bigint) => {
      hands.begin(0)
      hands.of(id)
      hands.arrive(delivery(token, epoch), 0)
      return hands.waiting
    }
    assert.strictEqual(on("7", 1n, 1n), 1)
    done()
    assert.strictEqual(on("7", 2n, 1n), 0) // its answer may be lost
    assert.strictEqual(hands.unsent, 1)
    hands.answers(0)
    assert.strictEqual(on("7", 3n, 2n), 1)
    done()
    hands.arrive(delivery(4n, 3n), 0) // on the same stream
    assert.strictEqual(hands.waiting, 1)
    hands.arrive(delivery(5n, 4n), 0) // what waits is out of date: it is handed back, and counts as answered
    assert.strictEqual(hands.waiting, 1)
    assert.deepInclude(hands.answers(0).answers[0], { token: 4n, kind: 1 })
    assert.strictEqual(hands.answered, 2)
    done()
    assert.strictEqual(on("8", 6n, 1n), 1)
  })
})
