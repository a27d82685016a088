/** What one is told of minutes of which all trades were taken back: the same, however the log was cut. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { MarketData } from "../../src/marketdata/MarketData.ts"
import { at, begin, cancelled, layer, told } from "../support/MarketFeed.ts"

const MINUTE = 60_000
const data = MarketData.layer({ staleMillis: MINUTE, topics: ["*"] }).pipe(Layer.provideMerge(layer))

describe("minutes of which all was taken back", () => {
  for (const cuts of [[1, 1, 1, 1, 1], [5], [1, 4], [3, 2], [2, 1, 2]])
    it.live(
      `MW3 MU3 they are no bars, also read ${cuts.join(" and ")} at once, and take no place of a page; what is latest is what is left`,
      () =>
        Effect.gen(function* () {
          const { make, say, written } = yield* begin
          const { latest, history } = yield* MarketData
          let seen = 0
          const one = make()
          const texts = [
            told("a", 1, 10),
            told("b", 61, 20),
            cancelled("b", 61, 130),
            told("c", 121, 30),
            cancelled("c", 121, 130)
          ]
          for (const count of cuts) {
            yield* say(...texts.slice(seen, (seen += count)))
            yield* written(one)
          }
          const who = { symbol: "A", exchange: undefined, topic: undefined, session: "all" } as const
          const bars = (limit: number, fill: "none" | "previous", interval: "1m" | "5m" = "1m") =>
            Effect.map(
              history({ ...who, interval, from: at, until: at + 4 * MINUTE, limit, fill }),
              ({ candles, next }) => [
                ...candles.map(({ start, bar, filled }) => [
                  (start - at) / MINUTE,
                  bar.close?.price,
                  bar.trades,
                  filled
                ]),
                next
              ]
            )
          const price = 10_000_000_000n
          assert.deepStrictEqual(yield* bars(1, "none"), [[0, price, 1, false], undefined])
          assert.deepStrictEqual(yield* bars(1, "none", "5m"), [[0, price, 1, false], undefined])
          assert.deepStrictEqual(yield* bars(9, "previous"), [
            [0, price, 1, false],
            ...[1, 2, 3].map((minute) => [minute, price, 0, true]),
            undefined
          ])
          assert.strictEqual((yield* latest(who)).trade.id, "a")
          yield* say(cancelled("a", 1, 130))
          yield* written(one)
          assert.deepStrictEqual(yield* bars(9, "previous"), [undefined])
          assert.deepStrictEqual(yield* bars(9, "none", "5m"), [undefined])
          assert.strictEqual((yield* Effect.flip(latest(who))).name, "NoMarketData")
        }).pipe(Effect.provide(data), Effect.provideService(CurrentIdentity, system))
    )
})
