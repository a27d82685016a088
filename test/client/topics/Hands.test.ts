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
  it("QH6 an answer of before the position was set anew that is sent, or given, after that is heard of does not make it done", () => {
    for (const late of ["sent", "given", "never sent"]) {
      const hands = new Hands()
      const delivery = (token: bigint, subscriptionEpoch: bigint, offset = 5n) => ({
        ...{ token, partition: 0, epoch: 1, floor: 0n, subscriptionEpoch },
        events: [
          { offset, attempt: 1, publishedMs: 1n, event: { ...event("b", `${offset}`), timeMs: 0n, headers: {} } }
        ]
      })
      hands.begin(0)
      hands.of("7")
      hands.arrive(delivery(1n, 1n), 0)
      const one = hands.take(0)!
      if (late !== "given") hands.answer(one, { kind: 0 }, 0)
      hands.arrive(delivery(2n, 2n, 6n), 0) // by which the seek is heard of
      if (late === "given") hands.answer(one, { kind: 0 }, 0)
      if (late !== "never sent") assert.strictEqual(hands.answers(0).answers[0]?.token, 1n, late)
      hands.begin(0) // before the server could refuse it
      hands.of("7")
      hands.arrive(delivery(3n, 2n), 0)
      assert.deepStrictEqual([hands.waiting, hands.unsent], [1, 0], late)
    }
  })
})
