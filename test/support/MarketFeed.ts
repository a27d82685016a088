/** A topic with market data on memory twins, and what makes bars of it. */
import { it } from "@effect/vitest"
import { Effect, Layer, Metric, Semaphore } from "effect"
import * as MemoryMarketStore from "../../layers/Memory/marketdata/MarketStore.ts"
import { State } from "../../layers/Memory/State.ts"
import * as MemoryTopicLog from "../../layers/Memory/topics/TopicLog.ts"
import * as MemoryTopicStore from "../../layers/Memory/topics/TopicStore.ts"
import { SESSIONS } from "../../src/marketdata/Calendar.ts"
import { decimalText } from "../../src/marketdata/Decimal.ts"
import { MarketStore } from "../../src/marketdata/MarketStore.ts"
import { makeProjecting, type Projected } from "../../src/marketdata/Projecting.ts"
import { type Log, TopicLog } from "../../src/topics/TopicLog.ts"
import { events, newTopic } from "./Topics.ts"

export const DAY = 86_400_000
/** The beginning of a minute a while ago. */
export const at = Math.floor(Date.now() / DAY) * DAY - DAY
const layer = Layer.mergeAll(MemoryTopicLog.layer, MemoryTopicStore.layer, MemoryMarketStore.layer).pipe(
  Layer.provide(State.layer)
)
export const told = (id: string | undefined, seconds: number, price: number, more: object = {}) =>
  JSON.stringify({
    exchange: "KRAKEN",
    symbol: "A",
    id,
    price,
    size: 1,
    ts_event: `${String(at + 1_000 * seconds)}000000`,
    ...more
  })

export type Store = typeof MarketStore.Service
export const original = (id: string, seconds: number) => ({ id, ts_original: `${String(at + 1_000 * seconds)}000000` })
export const cancelled = (id: string, seconds: number, on = 80) =>
  told(id, on, 0, { type: "cancel", ...original(id, seconds) })
export const counted = (kind: string) =>
  Effect.map(Metric.snapshot, (all) => {
    const found = all.find(({ id, attributes }) => id === "herald_market_ticks_total" && attributes?.["kind"] === kind)
    return found?.type === "Counter" ? Number(found.state.count) : 0
  })

/** A topic, and what writes it. */
export const begin = Effect.gen(function* () {
  const log = yield* TopicLog
  const store = yield* MarketStore
  const { id, name } = yield* newTopic({ partitions: 2 })
  const amending = yield* Semaphore.make(1)
  const sayTo =
    (partition: number, topic = id) =>
    (...texts: ReadonlyArray<string>) =>
      log.append({ topic, partition, events: events(...texts), compression: "none", producing: undefined })
  const of = (
    partition: number,
    topic = { id, name },
    its: Partial<Log> = {},
    keeps: Partial<Store> = {},
    more: Partial<Projected> = {}
  ) =>
    makeProjecting(
      { ...log, ...its },
      { ...store, ...keeps },
      {
        ...{ partition: { topic: topic.id, partition }, name: topic.name, keepMillis: 30 * DAY, amending },
        ...more
      }
    )
  const make = () => of(0)
  return {
    ...{ log, store, id, name, make, of, sayTo },
    say: sayTo(0),
    written: ({ step }: ReturnType<typeof make>) => Effect.repeat(step(), { while: (more) => more === true }),
    bars: (interval: "1m" | "1d") =>
      Effect.map(
        store.bars(
          { symbol: "A", topics: ["*"], exchanges: ["KRAKEN"], interval, sessions: SESSIONS },
          { from: 0, until: at + 9 * DAY, limit: 99 }
        ),
        (rows) =>
          rows.map(({ bar }) =>
            [bar.open?.price, bar.high, bar.low, bar.close?.price, decimalText(bar.volume)].map((n) =>
              typeof n === "bigint" ? Number(n / 1_000_000_000n) : n
            )
          )
      ),
    latest: Effect.map(store.latest({ symbol: "A", topics: ["*"] }, ["KRAKEN"]), ({ trades }) =>
      trades.map(({ id }) => id)
    )
  }
})
export const test = <E>(name: string, body: Effect.Effect<void, E, Layer.Success<typeof layer>>) =>
  it.live(name, () => Effect.provide(body, layer))
