/** What every store of dead letters that wait for their topics does. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { type Lease, Leases } from "../../src/leases/Leases.ts"
import { CursorStore } from "../../src/subscriptions/CursorStore.ts"
import { LetterBox } from "../../src/subscriptions/LetterBox.ts"
import { SubscriptionStore } from "../../src/subscriptions/SubscriptionStore.ts"
import { fresh } from "../support/fresh.ts"
import { flush, letter, make } from "./SubscriptionWishes.ts"

type Test = <E>(
  name: string,
  body: () => Effect.Effect<void, E, SubscriptionStore | CursorStore | LetterBox | Leases>
) => void

const lease = Effect.fnUntraced(function* (name: string, run: string) {
  const claimed = yield* Effect.flatMap(Leases, ({ claim }) => claim(name, run, 60_000))
  return claimed as Lease
})

export const letterBoxContract = (test: Test) => {
  test("QI1 what waits comes in its order and bounded, has a place written down by the holder of the lease, and waits no more once it is there", () =>
    Effect.gen(function* () {
      const box = yield* LetterBox
      const { id, topicName } = yield* make("shared")
      const [claimed] = yield* (yield* CursorStore).claim("a", [{ id, share: 0 }], 60_000)
      const event = new Uint8Array(1_000)
      const letters = [20, 21, 22, 23].map((offset) =>
        letter({ offset, event, topic: offset === 23 ? "other" : "dead" })
      )
      yield* (yield* CursorStore).flush([flush(claimed!, { letters })])

      const bundles = yield* box.bundles({ subscriptionId: id, topic: "" }, 1_000)
      const named = { subscriptionId: id, topicName, subscriptionName: "s" }
      assert.deepStrictEqual(
        bundles.filter((one) => one.subscriptionId === id),
        [
          { ...named, topic: "dead" },
          { ...named, topic: "other" }
        ]
      )
      assert.deepStrictEqual(
        (yield* box.bundles({ subscriptionId: id, topic: "~" }, 1_000)).filter((one) => one.subscriptionId === id),
        []
      )
      // Behind the end of a page, too, where that is within a subscription.
      const [next] = yield* box.bundles({ subscriptionId: id, topic: "dead" }, 1)
      assert.deepStrictEqual(next, { ...named, topic: "other" })
      const of = { subscriptionId: id, topic: "dead" }
      const all = { limit: 100, maxBytes: 1_000_000 }
      const waiting = yield* box.waiting(of, all)
      assert.deepInclude(waiting[0], { ...letters[0], partition: 0, numbered: null })
      assert.deepStrictEqual(
        waiting.map(({ offset }) => offset),
        [20, 21, 22]
      )
      assert.lengthOf(yield* box.waiting(of, { limit: 100, maxBytes: 2_500 }), 2)
      assert.lengthOf(yield* box.waiting(of, { limit: 100, maxBytes: 1 }), 1)
      assert.lengthOf(yield* box.waiting(of, { limit: 2, maxBytes: 1_000_000 }), 2)

      const name = fresh("letters")
      const [old] = [yield* lease(name, "a")]
      const place = { target: 2 ** 40, partition: 3, sequence: 9 }
      assert.isTrue(yield* box.number(old, 60_000, [{ id: waiting[0]!.id, ...place }]))
      yield* (yield* Leases).release(old)
      const held = yield* lease(name, "b")
      assert.isFalse(yield* box.number(old, 60_000, [{ id: waiting[1]!.id, ...place }]))
      assert.isTrue(yield* box.number(held, 60_000, [{ id: waiting[2]!.id, ...place, sequence: 10 }]))
      assert.deepStrictEqual(
        (yield* box.waiting(of, all)).map(({ numbered }) => numbered),
        [place, null, { ...place, sequence: 10 }]
      )
      yield* box.posted([waiting[0]!.id, waiting[1]!.id])
      yield* box.posted([waiting[0]!.id])
      assert.deepStrictEqual(
        (yield* box.waiting(of, all)).map(({ offset }) => offset),
        [22]
      )
    }))

  test("QI1 a place is of one letter: others that have it, or a later one, and are not there lose theirs", () =>
    Effect.gen(function* () {
      const box = yield* LetterBox
      const { id } = yield* make("shared")
      const [claimed] = yield* (yield* CursorStore).claim("a", [{ id, share: 0 }], 60_000)
      const letters = [20, 21, 22, 23, 24].map((offset) => letter({ offset }))
      yield* (yield* CursorStore).flush([flush(claimed!, { letters })])
      const of = { subscriptionId: id, topic: "dead" }
      const all = { limit: 100, maxBytes: 1_000_000 }
      const ids = (yield* box.waiting(of, all)).map((one) => one.id)
      const held = yield* lease(fresh("letters"), "a")
      const target = 2 ** 40
      const numbered = (at: number, partition: number, sequence: number) => ({
        ...{ id: ids[at]!, target, partition, sequence }
      })
      // The later ones of them came first.
      yield* box.number(held, 60_000, [numbered(1, 0, 1), numbered(2, 0, 2), numbered(3, 0, 3), numbered(4, 1, 9)])
      yield* box.number(held, 60_000, [numbered(0, 0, 2), numbered(1, 0, 3)])
      assert.deepStrictEqual(
        (yield* box.waiting(of, all)).map((one) => one.numbered && [one.numbered.partition, one.numbered.sequence]),
        [[0, 2], [0, 3], null, null, [1, 9]]
      )
      yield* box.number(held, 60_000, [{ ...numbered(0, 1, 1), target: target + 1 }])
      assert.deepStrictEqual((yield* box.waiting(of, all))[4]!.numbered, { target, partition: 1, sequence: 9 })
    }))

  test("QI5 what is set aside waits no more, and is among the dead letters with why", () =>
    Effect.gen(function* () {
      const box = yield* LetterBox
      const store = yield* SubscriptionStore
      const { id } = yield* make("shared")
      const [claimed] = yield* (yield* CursorStore).claim("a", [{ id, share: 0 }], 60_000)
      const letters = [letter({ offset: 20 }), letter({ offset: 21, topic: "other" })]
      yield* (yield* CursorStore).flush([flush(claimed!, { letters })])
      const of = { subscriptionId: id, topic: "dead" }
      const [first] = yield* box.waiting(of, { limit: 9, maxBytes: 9_999 })
      assert.strictEqual(first!.refused, "")
      yield* box.refuse([{ id: first!.id, why: "it ' does not fit" }])
      assert.isEmpty(yield* box.waiting(of, { limit: 9, maxBytes: 9_999 }))
      const bundles = yield* box.bundles({ subscriptionId: id, topic: "" }, 1_000)
      assert.deepStrictEqual(
        bundles.filter((one) => one.subscriptionId === id).map(({ topic }) => topic),
        ["other"]
      )
      const kept = yield* store.deadLetters(id, { limit: 9, after: 0, maxBytes: 9_999 })
      assert.deepStrictEqual(
        kept.map(({ refused }) => refused),
        ["it ' does not fit", ""]
      )
    }))
}
