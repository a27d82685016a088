/** What becomes of market data that is old, in every store of it: part of `marketContract`. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { Leases } from "../../src/leases/Leases.ts"
import { INTERVALS } from "../../src/marketdata/Calendar.ts"
import { MarketStore } from "../../src/marketdata/MarketStore.ts"
import { fresh } from "../support/fresh.ts"
import { newTopic } from "../support/Topics.ts"
import { SECOND, trade } from "../support/Trades.ts"
import { of, partition, projection, read, symbol, type Test } from "./MarketStores.ts"

const DAY = 86_400_000

export const marketSweeps = (test: Test) => {
  test("LE1 what is as old as it is kept goes, for the holder of the lease; what is younger stays", () =>
    Effect.gen(function* () {
      const store = yield* MarketStore
      const leases = yield* Leases
      const [at, old, young] = [partition(), symbol(), symbol()]
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
      assert.deepStrictEqual(yield* store.traded(old), [])
      // What comes late finds room again.
      yield* store.sweep(lease, 10_000, keep)
      yield* store.write(
        projection({ partition: at, from: { epoch: 1, offset: 2 }, to: { epoch: 1, offset: 3 }, ...of([trades[0]!]) })
      )
      assert.strictEqual((yield* read(old, "1m")).length, 1)
    }))

  test("MX4 how far a deleted topic was is forgotten when nothing is told by its name, and of no other", () =>
    Effect.gen(function* () {
      const store = yield* MarketStore
      const leases = yield* Leases
      const topic = yield* newTopic()
      const [idle, told, gone] = [{ topic: topic.id, partition: 0 }, partition(), partition()]
      for (const at of [idle, gone]) yield* store.write(projection({ partition: at }))
      yield* store.write(
        projection({ partition: told, ...of([trade({ symbol: symbol(), tsEvent: BigInt(Date.now()) * 1_000_000n })]) })
      )
      const lease = (yield* leases.claim(fresh("market"), "run", 10_000))!
      yield* store.sweep(lease, 10_000, { keepMillis: 10 * DAY, keepDaysMillis: 20 * DAY })
      assert.isDefined(yield* store.cursor(idle))
      assert.isDefined(yield* store.cursor(told))
      assert.isUndefined(yield* store.cursor(gone))
    }))
}
