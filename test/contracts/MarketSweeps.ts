/** What becomes of market data that is old, in every store of it: part of `marketContract`. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { Leases } from "../../src/leases/Leases.ts"
import { INTERVALS } from "../../src/marketdata/Calendar.ts"
import type { PlacedQuote } from "../../src/marketdata/Gathering.ts"
import { MarketStore } from "../../src/marketdata/MarketStore.ts"
import { fresh } from "../support/fresh.ts"
import { newTopic } from "../support/Topics.ts"
import { SECOND, trade } from "../support/Trades.ts"
import { of, partition, projection, read, symbol, type Test } from "./MarketStores.ts"

const DAY = 86_400_000
const quote = (of: string, tsEvent: bigint): PlacedQuote => ({
  ...{ kind: "quote", symbol: of, exchange: "KRAKEN", currency: "", tsEvent, tsRecv: 0n, sequence: 0n, epoch: 1 },
  ...{ offset: 0, bid: undefined, ask: undefined }
})

export const marketSweeps = (test: Test) => {
  test("LE1 what is as old as it is kept goes, for the holder of the lease; what is younger stays", () =>
    Effect.gen(function* () {
      const store = yield* MarketStore
      const leases = yield* Leases
      const at = { topic: (yield* newTopic()).id, partition: 0 }
      const [old, young] = [symbol(), symbol()]
      const now = BigInt(Date.now()) * 1_000_000n
      const past = now - 30n * 86_400n * SECOND
      const trades = [trade({ symbol: old, tsEvent: past }), trade({ symbol: young, tsEvent: now, offset: 1 })]
      yield* store.write(projection({ partition: at, to: { epoch: 1, offset: 2 }, ...of(trades) }))
      const lease = (yield* leases.claim(fresh("market"), "run", 10_000))!
      const keep = { keepMillis: 10 * DAY, keepDaysMillis: 20 * DAY }
      assert.isUndefined(yield* store.sweep({ ...lease, token: lease.token + 1n }, 1_000, keep))
      let swept = yield* store.sweep(lease, 10_000, keep)
      while (swept?.more) swept = yield* store.sweep(lease, 10_000, keep)
      assert.isAbove((yield* store.drop(Date.now() - keep.keepMillis)).dropped, 0)
      assert.deepStrictEqual(yield* store.drop(Date.now() - keep.keepMillis), { dropped: 0, left: 0 })
      for (const interval of INTERVALS) {
        assert.strictEqual((yield* read(old, interval)).length, 0, interval)
        assert.strictEqual((yield* read(young, interval)).length, 1, interval)
      }
      assert.deepStrictEqual(yield* store.told({ symbol: old, topics: ["*"], exchange: undefined, trust: [] }), [])
      // What comes late finds room again.
      yield* store.sweep(lease, 10_000, keep)
      yield* store.write(
        projection({ partition: at, from: { epoch: 1, offset: 2 }, to: { epoch: 1, offset: 3 }, ...of([trades[0]!]) })
      )
      assert.strictEqual((yield* read(old, "1m")).length, 1)
    }))

  test("MX4 what was made of a topic that was deleted goes, with how far it was, and nothing of any other does", () =>
    Effect.gen(function* () {
      const store = yield* MarketStore
      const leases = yield* Leases
      const [idle, other] = [(yield* newTopic()).id, (yield* newTopic()).id]
      const [gone, empty] = [partition(), partition()]
      const [its, theirs] = [symbol(), symbol()]
      const now = BigInt(Date.now()) * 1_000_000n
      for (const at of [{ topic: idle, partition: 0 }, empty]) yield* store.write(projection({ partition: at }))
      for (const [at, name] of [
        [gone, its],
        [{ topic: other, partition: 0 }, theirs]
      ] as const)
        yield* store.write(
          projection({
            ...{ partition: at, ...of([trade({ symbol: name, tsEvent: now, epoch: 1 })]) },
            quotes: [quote(`${name}Q`, now)]
          })
        )
      const lease = (yield* leases.claim(fresh("market"), "run", 10_000))!
      const keep = { keepMillis: 10 * DAY, keepDaysMillis: 20 * DAY }
      let swept = yield* store.sweep(lease, 10_000, keep)
      while (swept?.more) swept = yield* store.sweep(lease, 10_000, keep)
      assert.isDefined(yield* store.cursor({ topic: idle, partition: 0 }))
      assert.isDefined(yield* store.cursor({ topic: other, partition: 0 }))
      assert.isUndefined(yield* store.cursor(gone))
      assert.isUndefined(yield* store.cursor(empty))
      const listed = (prefix: string) => store.listed({ topics: ["*"], prefix, after: undefined, limit: 9 })
      assert.deepStrictEqual(yield* listed(its), [])
      assert.lengthOf(yield* listed(theirs), 2)
      assert.lengthOf(yield* read(its, "1d"), 0)
      assert.lengthOf(yield* read(theirs, "1d"), 1)
      assert.deepStrictEqual(yield* store.latest({ symbol: `${its}Q`, topics: ["*"] }, ["KRAKEN"]), {
        ...{ trades: [], quotes: [] }
      })
    }))

  test("MX4 an instrument that had only quotes, or only what was taken back, goes when nothing of it is new; its room is given back", () =>
    Effect.gen(function* () {
      const store = yield* MarketStore
      const leases = yield* Leases
      const at = { topic: (yield* newTopic()).id, partition: 0 }
      const [old, young, back] = [symbol(), symbol(), symbol()]
      const now = BigInt(Date.now()) * 1_000_000n
      const past = now - 30n * 86_400n * SECOND
      const key = { symbol: back, exchange: "KRAKEN" }
      yield* store.write(
        projection({
          ...{ partition: at, ...of([trade({ symbol: back, tsEvent: past, epoch: 1 })]) },
          quotes: [quote(old, past), quote(young, now)]
        })
      )
      yield* store.write(
        projection({
          ...{ partition: at, from: { epoch: 1, offset: 0 }, to: { epoch: 1, offset: 1 } },
          forgotten: [{ ...key, session: "regular" }]
        })
      )
      const lease = (yield* leases.claim(fresh("market"), "run", 10_000))!
      const keep = { keepMillis: 10 * DAY, keepDaysMillis: 20 * DAY }
      let gone = 0
      for (let more = true; more; ) {
        const swept = (yield* store.sweep(lease, 10_000, keep))!
        gone += swept.instruments
        more = swept.more
      }
      assert.isAtLeast(gone, 2)
      const listed = (prefix: string) => store.listed({ topics: ["*"], prefix, after: undefined, limit: 9 })
      for (const name of [old, back]) assert.deepStrictEqual(yield* listed(name), [])
      assert.deepStrictEqual(yield* listed(young), [{ symbol: young, exchange: "KRAKEN" }])
      assert.strictEqual((yield* store.sweep(lease, 10_000, keep))!.instruments, 0)
    }))
}
