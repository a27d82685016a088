import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as MemoryMarketStore from "../../layers/Memory/marketdata/MarketStore.ts"
import { State } from "../../layers/Memory/State.ts"
import * as MemoryTopicLog from "../../layers/Memory/topics/TopicLog.ts"
import * as MemoryTopicStore from "../../layers/Memory/topics/TopicStore.ts"
import { SESSIONS } from "../../src/marketdata/Calendar.ts"
import { decimalText } from "../../src/marketdata/Decimal.ts"
import { MarketStore } from "../../src/marketdata/MarketStore.ts"
import { makeProjecting } from "../../src/marketdata/Projecting.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import { events, newTopic } from "../support/Topics.ts"

const DAY = 86_400_000
/** The beginning of a minute a while ago. */
const at = Math.floor(Date.now() / DAY) * DAY - DAY
const layer = Layer.mergeAll(MemoryTopicLog.layer, MemoryTopicStore.layer, MemoryMarketStore.layer).pipe(
  Layer.provide(State.layer)
)
const told = (id: string, seconds: number, price: number, more: object = {}) =>
  JSON.stringify({
    exchange: "KRAKEN",
    symbol: "A",
    id,
    price,
    size: 1,
    ts_event: `${String(at + 1_000 * seconds)}000000`,
    ...more
  })

/** A topic, and what writes it. */
const begin = Effect.gen(function* () {
  const log = yield* TopicLog
  const store = yield* MarketStore
  const { id, name } = yield* newTopic()
  const make = () => makeProjecting(log, store, { partition: { topic: id, partition: 0 }, name, keepMillis: 30 * DAY })
  return {
    make,
    say: (...texts: ReadonlyArray<string>) =>
      log.append({ topic: id, partition: 0, events: events(...texts), compression: "none", producing: undefined }),
    written: ({ step }: ReturnType<typeof make>) => Effect.repeat(step(), { while: (more) => more === true }),
    bars: (interval: "1m" | "1d") =>
      Effect.map(
        store.bars(
          { symbol: "A", exchanges: ["KRAKEN"], interval, sessions: SESSIONS },
          { from: 0, until: at + 9 * DAY, limit: 99 }
        ),
        (rows) =>
          rows.map(({ bar }) =>
            [bar.open?.price, bar.high, bar.low, bar.close?.price, decimalText(bar.volume)].map((n) =>
              typeof n === "bigint" ? Number(n / 1_000_000_000n) : n
            )
          )
      ),
    latest: Effect.map(store.latest("A", ["KRAKEN"]), ({ trades }) => trades.map(({ id }) => id))
  }
})
const test = <E>(name: string, body: Effect.Effect<void, E, Layer.Success<typeof layer>>) =>
  it.live(name, () => Effect.provide(body, layer))

describe("Projecting", () => {
  test(
    "MJ1 MJ2 what two nodes read counts once, and so does a trade that the venue tells again, after a restart too",
    Effect.gen(function* () {
      const { make, say, written, bars, latest } = yield* begin
      const [one, other] = [make(), make()]
      yield* written(one)
      yield* say(told("a", 1, 10), "no tick", told("b", 2, 20), told("a", 1, 10))
      yield* written(one)
      yield* written(other)
      yield* say(told("b", 2, 20), told("c", 61, 5))
      yield* written(other)
      yield* written(one)
      yield* say(told("c", 61, 5))
      yield* written(make())
      assert.deepStrictEqual(yield* bars("1m"), [
        [10, 20, 10, 20, "2"],
        [5, 5, 5, 5, "1"]
      ])
      assert.deepStrictEqual(yield* bars("1d"), [[10, 20, 5, 5, "3"]])
      assert.deepStrictEqual(yield* latest, ["c"])
    })
  )

  test(
    "MJ3 a trade that is cancelled or corrected leaves nothing of what it was, in minutes, days and what is newest",
    Effect.gen(function* () {
      const { make, say, written, bars, latest } = yield* begin
      const one = make()
      const original = (id: string, seconds: number) => ({ id, ts_original: `${String(at + 1_000 * seconds)}000000` })
      yield* say(told("a", 1, 10), told("high", 2, 99), told("b", 3, 20), told("c", 61, 30), told("late", 62, 77))
      yield* written(one)
      assert.deepStrictEqual(yield* bars("1d"), [[10, 99, 10, 77, "5"]])
      yield* say(told("high", 70, 0, { type: "cancel", ...original("high", 2) }), told("d", 4, 15))
      yield* written(one)
      assert.deepStrictEqual(yield* bars("1m"), [
        [10, 20, 10, 15, "3"],
        [30, 77, 30, 77, "2"]
      ])
      yield* say(told("late", 80, 31, { type: "correction", ...original("late", 62), size: 4 }))
      yield* written(one)
      assert.deepStrictEqual(yield* bars("1d"), [[10, 31, 10, 31, "8"]])
      assert.deepStrictEqual(yield* latest, ["late"])
    })
  )

  test(
    "MJ4 ticks of the time to come, and of before bars are kept, count for nothing",
    Effect.gen(function* () {
      const { make, say, written, bars } = yield* begin
      yield* say(told("a", 1, 10), told("b", 10 * 86_400, 20), told("c", -40 * 86_400, 30))
      yield* written(make())
      assert.deepStrictEqual(yield* bars("1d"), [[10, 10, 10, 10, "1"]])
    })
  )
})
