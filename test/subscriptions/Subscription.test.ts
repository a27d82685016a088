import { assert, describe, it } from "@effect/vitest"
import { failedOf, failedText } from "../../src/subscriptions/SavedCursor.ts"
import { HASHES, hashOfOffset, sharesOf, slicesOf } from "../../src/subscriptions/Share.ts"
import { backoffOf, definitionProblem, statusAt, types } from "../../src/subscriptions/Subscription.ts"
import { subscriptionOf } from "./Defined.ts"

describe("Subscription", () => {
  it("SI2 a limit of none, or of nothing, is refused when it is created", () => {
    const good = subscriptionOf("shared", { ackTimeoutMillis: 1_000 })
    assert.isUndefined(definitionProblem(good))
    const bad = [
      ...[{ maxAttempts: 0 }, { maxAttempts: 1.5 }, { maxAttempts: Number.POSITIVE_INFINITY }, { maxAttempts: 1_001 }],
      ...[{ ackTimeoutMillis: 99 }, { backoffMillis: [] }, { backoffMillis: [-1] }, { backoffMillis: [1.5] }],
      ...[{ maxInFlight: 0 }, { maxInFlight: 10_001 }, { subscriptionName: "" }, { subscriptionName: "a/b" }],
      ...[{ subscriptionName: "a".repeat(129) }, { filter: "é".repeat(2_049) }, { deadLetterTopic: "t" }],
      ...[{ filter: 'a == "\u0000"' }, { filter: 'a == "\ud800"' }],
      ...[{ consumerGroup: "a b" }, { backoffMillis: Array.from({ length: 33 }, () => 1) }]
    ]
    for (const change of bad) assert.isString(definitionProblem({ ...good, ...change }), JSON.stringify(change))
  })

  it("SI3 each hash of each partition is in one share, and partitions that are added leave those that were", () => {
    for (const type of types) {
      for (const partitions of [1, 3, 16, 40]) {
        const slices = slicesOf(type, partitions)
        const shares = sharesOf(type, partitions, slices)
        for (let partition = 0; partition < partitions; partition++) {
          const its = shares.flat().filter((slice) => slice.partition === partition)
          assert.strictEqual(
            its.reduce((sum, { from, to }) => sum + to - from, 0),
            HASHES
          )
          for (const [at, slice] of its.entries()) assert.strictEqual(slice.from, at === 0 ? 0 : its[at - 1]!.to)
        }
        if (shares.length === 1 && partitions > 1) continue
        const more = sharesOf(type, partitions + 2, slices)
        if (type === "shared" || type === "key_shared") assert.deepStrictEqual(more.slice(0, shares.length), shares)
      }
    }
    assert.deepStrictEqual(
      [1, 3, 16, 40].map((n) => n * slicesOf("shared", n)),
      [16, 24, 16, 40]
    )
    assert.strictEqual(slicesOf("failover", 1), 1)
  })

  it("SI3 events without a key are spread over all hashes", () => {
    const slots = new Array<number>(16).fill(0)
    for (let offset = 0; offset < 16_000; offset++) slots[hashOfOffset(offset) >> 12]!++
    for (const many of slots) assert.isTrue(many > 800 && many < 1_200, String(slots))
  })

  it("a delay is that of the attempt, the last one repeats; a pause ends by itself", () => {
    assert.deepStrictEqual(
      [0, 1, 2, 3, 9].map((n) => backoffOf({ backoffMillis: [5, 50] }, n)),
      [0, 5, 50, 50, 50]
    )
    assert.strictEqual(statusAt({ status: "paused", pausedUntil: 10 }, 9), "paused")
    assert.strictEqual(statusAt({ status: "paused", pausedUntil: 10 }, 10), "active")
    assert.strictEqual(statusAt({ status: "paused", pausedUntil: null }, 10), "paused")
    assert.strictEqual(statusAt({ status: "stopped", pausedUntil: 1 }, 10), "stopped")
  })

  it("CB1 what failed is read as it was written", () => {
    const failed = [
      { offset: 2 ** 50, attempts: 3, due: 1_795_000_000_000, alone: true, cause: 'a "b"', rejected: true }
    ]
    assert.deepStrictEqual(failedOf(failedText(failed)), failed)
  })
})
