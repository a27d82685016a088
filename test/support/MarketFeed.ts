/** A topic with market data on memory twins, and what makes bars of it. */
import { it } from "@effect/vitest"
import { Effect, Layer, Metric } from "effect"
import * as MemoryMarketStore from "../../layers/Memory/marketdata/MarketStore.ts"
import { State } from "../../layers/Memory/State.ts"
import * as MemoryTopicLog from "../../layers/Memory/topics/TopicLog.ts"
import * as MemoryTopicStore from "../../layers/Memory/topics/TopicStore.ts"
import { AllAmendments } from "../../src/marketdata/Amendments.ts"
import { SESSIONS } from "../../src/marketdata/Calendar.ts"
import { decimalText } from "../../src/marketdata/Decimal.ts"
import { MarketStore } from "../../src/marketdata/MarketStore.ts"
import { makeProjecting, type Projected } from "../../src/marketdata/Projecting.ts"
import type { Piece } from "../../src/topics/Piece.ts"
import { type Log, TopicLog } from "../../src/topics/TopicLog.ts"
import { events, newTopic } from "./Topics.ts"

export const DAY = 86_400_000
/** The beginning of a minute a while ago. */
export const at = Math.floor(Date.now() / DAY) * DAY - DAY
export const layer = Layer.mergeAll(MemoryTopicLog.layer, MemoryTopicStore.layer, MemoryMarketStore.layer).pipe(
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

/** The log as if its history had ended before an offset of its first partition, and another one begun, of epoch 7. */
export const anotherHistory = Effect.fnUntraced(function* (log: Log, topic: number, ended: number) {
  const { epoch: real } = (yield* log.bounds([topic]))[0]!
  const its: Pick<Log, "read" | "find" | "bounds"> = {
    read: (partition, { epoch, offset }, options) => {
      const at = epoch === 7 ? offset : 0
      return Effect.map(log.read(partition, { epoch: real, offset: at + ended }, options), (read) => {
        if (read === undefined) return undefined
        const pieces = read.pieces.flatMap((piece) =>
          piece.is === "gap" ? [] : [{ ...piece, base: piece.base - ended } satisfies Piece]
        )
        const gap = { is: "gap", from: offset, to: 0, why: "epoch" } as const
        return { epoch: 7, next: read.next - ended, pieces: epoch === 7 ? pieces : [gap, ...pieces] }
      })
    },
    find: (partition, time) =>
      Effect.map(
        log.find(partition, time),
        (found) => found && { epoch: 7, offset: Math.max(0, found.offset - ended) }
      ),
    bounds: (topics) =>
      Effect.map(log.bounds(topics), (all) =>
        all.map((one) => ({ ...one, epoch: 7, first: Math.max(0, one.first - ended), next: one.next - ended }))
      )
  }
  return its
})

/** A topic, and what writes it. */
export const begin = Effect.gen(function* () {
  const log = yield* TopicLog
  const store = yield* MarketStore
  const { id, name } = yield* newTopic({ partitions: 2 })
  const all = new AllAmendments()
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
        ...{ partition: { topic: topic.id, partition }, name: topic.name, keepMillis: 30 * DAY },
        amendments: all.of({ name: topic.name, createdBy: "ann" }),
        ...more
      }
    )
  const make = () => of(0)
  return {
    ...{ log, store, id, name, make, of, sayTo },
    say: sayTo(0),
    written: ({ step }: ReturnType<typeof make>) => Effect.repeat(step(), { while: (more) => more === true }),
    bars: (interval: "1m" | "5m" | "1d") =>
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
    /** Of days, of a topic. */
    volumes: (topic: string) =>
      Effect.map(
        store.bars(
          { symbol: "A", topics: [topic], exchanges: ["KRAKEN"], interval: "1d", sessions: SESSIONS },
          { from: 0, until: at + 9 * DAY, limit: 99 }
        ),
        (rows) => rows.map(({ bar }) => decimalText(bar.volume))
      ),
    newest: Effect.map(store.latest({ symbol: "A", topics: ["*"] }, ["KRAKEN"]), ({ trades }) =>
      trades.map(({ id, price, size }) => [id, Number(price / 1_000_000_000n), decimalText(size)])
    ),
    latest: Effect.map(store.latest({ symbol: "A", topics: ["*"] }, ["KRAKEN"]), ({ trades }) =>
      trades.map(({ id }) => id)
    )
  }
})
export const test = <E>(name: string, body: Effect.Effect<void, E, Layer.Success<typeof layer>>) =>
  it.live(name, () => Effect.provide(body, layer))
