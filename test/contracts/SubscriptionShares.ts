/** What every store of cursors must do for runs that hold shares. Run by Subscriptions.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { CursorStore } from "../../src/subscriptions/CursorStore.ts"
import { SubscriptionStore } from "../../src/subscriptions/SubscriptionStore.ts"
import { flush, make, running, saved, type Test, wish } from "./SubscriptionWishes.ts"

export const sharesContract = (test: Test) => {
  test("SN4 a share is one run's at a time, goes on where the last was, and is free when it is given up or its holder is away", () =>
    Effect.gen(function* () {
      const cursors = yield* CursorStore
      const { id } = yield* make("shared")
      const share = { id, share: 8 }
      const [first] = yield* cursors.claim("a", [share, { id, share: 99 }, { id: "0", share: 0 }], 60_000)
      assert.deepInclude(first, { id, epoch: 1, share: 8 })
      assert.deepStrictEqual(first!.cursors[0]!.slice, { partition: 1, from: 0, to: 8_192 })
      assert.deepInclude(first!.cursors[0]!.saved, {
        logEpoch: 4,
        floor: 2 ** 50,
        mark: 2 ** 50,
        clean: true,
        failed: []
      })
      assert.isEmpty(yield* cursors.claim("b", [share], 60_000))
      yield* cursors.flush([flush(first!)])
      yield* cursors.give("b", [{ ...share, token: first!.token }])
      assert.isEmpty(yield* cursors.claim("b", [share], 60_000))
      yield* cursors.give("a", [{ ...share, token: first!.token + 1n }])
      assert.isEmpty(yield* cursors.claim("b", [share], 60_000))
      yield* cursors.give("a", [{ ...share, token: first!.token }])
      const [second] = yield* cursors.claim("b", [share], 1)
      assert.isTrue(second!.token > first!.token)
      assert.deepStrictEqual(second!.cursors[0]!.saved, saved())
      yield* Effect.sleep("20 millis")
      const [third] = yield* cursors.claim("a", [share], 60_000)
      assert.isTrue(third!.token > second!.token)
    }))

  test("SN4 nobody claims whose lease is over, and no claim prolongs one", () =>
    Effect.gen(function* () {
      const cursors = yield* CursorStore
      const { id, topicName } = yield* make("shared")
      const [a, c] = [`a.${topicName}`, `c.${topicName}`]
      const shares = [0, 1].map((share) => ({ id, share }))
      assert.isEmpty(yield* cursors.claim(c, shares, 60_000), "it never said that it is there")
      yield* cursors.attend(a, [{ id, consumers: 1, lives: [] }], 400)
      assert.lengthOf(yield* cursors.claim(a, [shares[0]!], 60_000), 1)
      yield* Effect.sleep("450 millis")
      assert.isEmpty(yield* cursors.claim(a, shares, 60_000))
      assert.lengthOf(yield* cursors.claim("b", [shares[0]!], 60_000), 1)
    }))

  test("SN4 who attends is known with its consumers, in the order in which it came, and holds what it has", () =>
    Effect.gen(function* () {
      const cursors = yield* CursorStore
      const { id, topicName } = yield* make("failover")
      const [a, b] = [`a.${topicName}`, `b.${topicName}`]
      assert.deepStrictEqual(
        (yield* cursors.attend(b, [{ id, consumers: 2, lives: [9, 4503599627370496] }], 60_000))[0]!.nodes,
        [{ run: b, consumers: 2, lives: [9, 4503599627370496] }]
      )
      yield* Effect.sleep("5 millis")
      const [one] = yield* cursors.attend(
        a,
        [
          { id, consumers: 1, lives: [] },
          { id: "0", consumers: 1, lives: [] }
        ],
        60_000
      )
      assert.deepStrictEqual(one!.nodes, [
        { run: b, consumers: 2, lives: [9, 4503599627370496] },
        { run: a, consumers: 1, lives: [] }
      ])
      assert.deepStrictEqual(
        one!.shares!.map(({ share, run }) => [share, run]),
        [[0, ""]]
      )
      assert.strictEqual(one!.subscription.id, id)
      const [claimed] = yield* cursors.claim(a, [{ id, share: 0 }], 1)
      yield* cursors.attend(a, [{ id, consumers: 1, lives: [] }], 60_000)
      yield* Effect.sleep("20 millis")
      assert.isEmpty(yield* cursors.claim(b, [{ id, share: 0 }], 60_000))
      const [two] = yield* cursors.attend(b, [{ id, consumers: 0, lives: [] }], 60_000)
      assert.deepStrictEqual(two!.nodes, [{ run: a, consumers: 1, lives: [] }])
      assert.deepStrictEqual(two!.shares!, [{ share: 0, run: a, token: claimed!.token }])
      yield* cursors.attend(a, [], 1)
      yield* Effect.sleep("20 millis")
      const [three] = yield* cursors.attend(b, [{ id, consumers: 0, lives: [] }], 60_000)
      assert.deepStrictEqual([three!.nodes, three!.shares![0]!.run], [[], ""])
    }))

  test("SN4 who enters is known at once, and neither prolongs nor ends anything of its others", () =>
    Effect.gen(function* () {
      const cursors = yield* CursorStore
      const [one, two] = [yield* make("exclusive"), yield* make("shared")]
      const [a, b] = [`a.${one.topicName}`, `b.${one.topicName}`]
      yield* cursors.attend(a, [{ id: two.id, consumers: 3, lives: [] }], 60_000)
      yield* cursors.claim(a, [{ id: two.id, share: 0 }], 60_000)
      const entered = yield* cursors.enter(a, { id: one.id, consumers: 1, lives: [4] }, 60_000)
      assert.deepStrictEqual(entered!.nodes, [{ run: a, consumers: 1, lives: [4] }])
      assert.deepStrictEqual(
        entered!.shares!.map(({ share, run }) => [share, run]),
        [[0, ""]]
      )
      yield* Effect.sleep("5 millis")
      const later = yield* cursors.enter(b, { id: one.id, consumers: 1, lives: [] }, 60_000)
      assert.deepStrictEqual(
        later!.nodes.map(({ run }) => run),
        [a, b]
      )
      const [standing] = yield* cursors.attend(b, [{ id: two.id, consumers: 0, lives: [] }], 60_000)
      assert.deepStrictEqual([standing!.nodes[0]!.run, standing!.shares![0]!.run], [a, a])
      assert.isUndefined(yield* cursors.enter(a, { id: "0", consumers: 1, lives: [] }, 60_000))
    }))

  test("SN4 what a run holds of a subscription that it does not name is not prolonged, and ends no later than that", () =>
    Effect.gen(function* () {
      const cursors = yield* CursorStore
      const [one, two] = [yield* make("failover"), yield* make("failover")]
      const [a, b] = [`a.${one.topicName}`, `b.${one.topicName}`]
      const both = [one, two].map(({ id }) => ({ id, share: 0 }))
      yield* running([a, b])
      yield* cursors.claim(a, [both[0]!], 300)
      yield* cursors.claim(a, [both[1]!], 60_000)
      yield* cursors.attend(a, [{ id: two.id, consumers: 1, lives: [] }], 60_000)
      yield* Effect.sleep("320 millis")
      assert.deepStrictEqual(
        (yield* cursors.claim(b, both, 60_000)).map(({ id }) => id),
        [one.id]
      )
      yield* cursors.attend(a, [], 1)
      yield* Effect.sleep("20 millis")
      assert.lengthOf(yield* cursors.claim(b, [both[1]!], 60_000), 1)
    }))

  test("SN5 what a run has stays its own while it goes on, and who has shares is told again when that has changed", () =>
    Effect.gen(function* () {
      const store = yield* SubscriptionStore
      const cursors = yield* CursorStore
      const { id, topicName } = yield* make("shared")
      const [a, b] = [`a.${topicName}`, `b.${topicName}`]
      const stands = (run: string, stamp: string | undefined, lasts = 60_000) =>
        Effect.map(
          cursors.attend(run, [{ id, consumers: 1, lives: [], ...(stamp !== undefined && { stamp }) }], lasts),
          ([standing]) => standing!
        )
      let stamp = ""
      /** By whom each is held, where that is told. */
      const told = (run: string) =>
        Effect.map(stands(run, stamp), (standing) => {
          stamp = standing.stamp
          return standing.shares && [...new Set(standing.shares.map((one) => one.run))].sort()
        })
      assert.deepStrictEqual(yield* told(b), [""])
      assert.isUndefined(yield* told(b))
      yield* stands(a, undefined)
      const shares = [0, 1].map((share) => ({ id, share }))
      const claimed = yield* cursors.claim(a, shares, 60_000)
      assert.deepStrictEqual(yield* told(b), ["", a])
      yield* stands(a, undefined)
      yield* cursors.flush([flush(claimed[0]!)])
      assert.isUndefined(yield* told(b))
      yield* cursors.give(a, [{ ...shares[0]!, token: claimed[0]!.token + 1n }])
      assert.isUndefined(yield* told(b))
      yield* cursors.give(a, [{ ...shares[0]!, token: claimed[0]!.token }])
      assert.deepStrictEqual(yield* told(b), ["", a])
      // One that it has, and serves no more, ends by itself.
      yield* cursors.attend(a, [], 400)
      yield* stands(a, undefined)
      yield* Effect.sleep("450 millis")
      assert.isUndefined(yield* told(b))
      yield* cursors.attend(a, [], 400)
      yield* cursors.attend(a, [], 60_000)
      yield* told(b)
      yield* Effect.sleep("450 millis")
      assert.deepStrictEqual(yield* told(b), [""])
      // Its lease ends.
      yield* stands(a, undefined)
      yield* cursors.claim(a, shares, 1)
      assert.deepStrictEqual(yield* told(b), ["", a])
      yield* stands(a, undefined, 400)
      assert.isUndefined(yield* told(b))
      yield* Effect.sleep("450 millis")
      assert.deepStrictEqual(yield* told(b), [""])
      assert.isUndefined(yield* told(b))
      // It has what nobody took meanwhile.
      yield* stands(a, undefined)
      assert.deepStrictEqual(yield* told(b), ["", a])
      yield* store.extend({ id, type: "shared", slices: 8 }, [{ partition: 2, logEpoch: 1, offset: 0 }])
      assert.deepStrictEqual(yield* told(b), ["", a])
      yield* store.seek(topicName, "s", [])
      assert.deepStrictEqual(yield* told(b), [""])
    }))

  test("SN7 an answer tells of so many shares, of what is named first, and says of what it does not tell", () =>
    Effect.gen(function* () {
      const store = yield* SubscriptionStore
      const cursors = yield* CursorStore
      const { topicName } = yield* make("shared")
      const run = `a.${topicName}`
      const each = 4_096
      const all = Array.from({ length: 256 }, (_, partition) => ({ partition, logEpoch: 1, offset: 0 }))
      const made = yield* Effect.forEach([0, 1, 2, 3, 4, 5], () =>
        store.create(wish("shared", { slices: 16 }), all, "someone")
      )
      const stamps = new Map<string, string>()
      /** Of those that are named, in their order, how many shares each was told of; -1: it was cut. */
      const told = (ids: ReadonlyArray<string>) =>
        Effect.map(
          cursors.attend(
            run,
            ids.map((id) => ({ id, consumers: 1, lives: [], ...(stamps.has(id) && { stamp: stamps.get(id)! }) })),
            60_000
          ),
          (standings) => {
            assert.deepStrictEqual(
              standings.map(({ subscription }) => subscription.id),
              ids.toSorted((a, b) => Number(a) - Number(b))
            )
            const byId = new Map(standings.map((one) => [one.subscription.id, one]))
            return ids.map((id) => {
              const { stamp, shares, isCut } = byId.get(id)!
              if (isCut) assert.strictEqual(stamp, stamps.get(id) ?? "")
              else stamps.set(id, stamp)
              assert.isTrue(isCut !== true || shares === undefined)
              return isCut ? -1 : (shares?.length ?? 0)
            })
          }
        )
      const ids = made.map(({ id }) => id)
      assert.deepStrictEqual(yield* told(ids.toReversed()), [each, each, each, each, -1, -1])
      assert.deepStrictEqual(yield* told(ids.toReversed()), [0, 0, 0, 0, each, each])
      assert.deepStrictEqual(yield* told(ids), [0, 0, 0, 0, 0, 0])
      yield* cursors.claim(run, [{ id: ids[5]!, share: 4_095 }], 60_000)
      stamps.clear()
      const last = yield* cursors.enter(run, { id: ids[5]!, consumers: 1, lives: [] }, 60_000)
      assert.deepStrictEqual([last!.shares!.length, last!.shares!.at(-1)!.run, last!.isCut], [each, run, undefined])
    }))

  test("SN5 who can't follow the log says so, and waits behind nobody whose lease ended before", () =>
    Effect.gen(function* () {
      const cursors = yield* CursorStore
      const { id, topicName } = yield* make("shared")
      const [a, b] = [`a.${topicName}`, `b.${topicName}`]
      const attending = { id, consumers: 1, lives: [] }
      yield* cursors.attend(a, [attending], 30)
      yield* Effect.sleep("50 millis")
      yield* cursors.attend(b, [attending], 60_000)
      yield* Effect.sleep("5 millis")
      const [standing] = yield* cursors.attend(a, [{ ...attending, isBehind: true }], 60_000)
      assert.deepStrictEqual(standing!.nodes, [
        { run: b, consumers: 1, lives: [] },
        { run: a, consumers: 1, lives: [], isBehind: true }
      ])
      const [next] = yield* cursors.attend(a, [attending], 60_000)
      assert.deepStrictEqual(next!.nodes[1], { run: a, consumers: 1, lives: [] })
    }))
}
