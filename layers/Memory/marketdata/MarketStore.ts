/** MarketStore over a `State`, by the rules of migration 0038. */
import { Clock, Effect, Layer } from "effect"
import { EMPTY, idOf, isEmpty, type KeyedBar, merge } from "../../../src/marketdata/Bar.ts"
import { SESSIONS } from "../../../src/marketdata/Calendar.ts"
import { coveredBy } from "../../../src/marketdata/Covered.ts"
import {
  type BarQuery,
  INSTRUMENTS,
  type LatestTrade,
  MarketStore,
  SHARE,
  TELLING,
  type Written
} from "../../../src/marketdata/MarketStore.ts"
import type { Projection } from "../../../src/marketdata/Projection.ts"
import type { StoredBar } from "../../../src/marketdata/Series.ts"
import { compare, type Instrument, type Order } from "../../../src/marketdata/Tick.ts"
import { EXCHANGES, type Telling } from "../../../src/marketdata/Trust.ts"
import { samePlace } from "../../../src/topics/MessageId.ts"
import { partitionKey } from "../../../src/topics/Piece.ts"
import { fenced } from "../leases/LeaseTables.ts"
import { State } from "../State.ts"
import { TopicTables } from "../topics/TopicTables.ts"
import { type Feed, MarketTables } from "./MarketTables.ts"

const nameOf = ({ exchange, symbol }: Instrument): string => `${exchange} ${symbol}`
const byText =
  <A>(textOf: (one: A) => string) =>
  (a: A, b: A) =>
    textOf(a) < textOf(b) ? -1 : textOf(a) > textOf(b) ? 1 : 0

/** As the database orders bars of one start. */
const placeOf = ({ exchange, session }: StoredBar): string => `${exchange} ${SESSIONS.indexOf(session)}`

/** Puts it to what is there, or in its place. */
const put = (feed: Feed, { bar, ...key }: KeyedBar, instead: boolean): void => {
  const id = idOf(key)
  const before = feed.bars.get(id)
  const revision = (before?.revision ?? 0) + 1
  feed.bars.set(id, { ...key, revision, bar: instead ? bar : merge(before?.bar ?? EMPTY, bar) })
}

/** Returns how many instruments there was no room for. MX3 */
const hear = (tables: MarketTables, feed: Feed, { bars, instead, newest, quotes }: Projection): number => {
  const heard = new Map<string, Instrument>()
  for (const one of [...bars, ...instead, ...newest.map(({ trade }) => trade), ...quotes])
    if (!feed.instruments.has(nameOf(one))) heard.set(nameOf(one), { exchange: one.exchange, symbol: one.symbol })
  const feeds = [...tables.feeds.values()]
  const count = (of: ReadonlyArray<Feed>) => of.reduce((sum, { instruments }) => sum + instruments.size, 0)
  const its = feeds.filter(({ cursor }) => cursor.partition.topic === feed.cursor.partition.topic)
  const room = Math.max(0, Math.min(INSTRUMENTS - count(feeds), SHARE - count(its)))
  const sorted = [...heard].sort(byText(([, { symbol, exchange }]) => `${symbol} ${exchange}`))
  for (const [name, one] of sorted.slice(0, room)) feed.instruments.set(name, one)
  return Math.max(0, heard.size - room)
}

const write = (tables: MarketTables, projection: Projection): Written => {
  const { partition, name, from, to, watermark, bars, instead, again, forgotten, newest, quotes } = projection
  const id = partitionKey(partition)
  const found = tables.feeds.get(id)
  const cursor = found?.cursor
  const follows = from === undefined || cursor === undefined ? from === cursor : samePlace(from, cursor)
  if (!follows) return { is: "moved", at: cursor && { epoch: cursor.epoch, offset: cursor.offset } } // MX1
  const newer = cursor !== undefined && cursor.watermark > watermark ? cursor.watermark : watermark
  const next = { ...to, partition, watermark: newer, began: cursor?.began ?? to }
  const feed = found ?? {
    ...{ name, cursor: next, instruments: new Map(), bars: new Map(), trades: new Map(), quotes: new Map() }
  }
  feed.cursor = next
  tables.feeds.set(id, feed)
  const left = hear(tables, feed, projection)
  const known = (one: Instrument) => feed.instruments.has(nameOf(one))
  for (const bar of bars) if (known(bar)) put(feed, bar, false)
  for (const bar of instead) if (known(bar)) put(feed, bar, true)
  for (const { end, ...key } of again) {
    if (!known(key)) continue
    const minutes = [...feed.bars.values()].filter(
      (one) =>
        nameOf(one) === nameOf(key) &&
        one.interval === "1m" &&
        one.session === key.session &&
        one.start >= key.start &&
        one.start < end
    )
    put(feed, { ...key, bar: minutes.reduce((all, { bar }) => merge(all, bar), EMPTY) }, true)
  }
  const marked = new Map(newest.map(({ session, trade }) => [`${nameOf(trade)} ${session}`, trade]))
  for (const one of forgotten) {
    const place = `${nameOf(one)} ${one.session}`
    const [known, still] = [feed.trades.get(place), marked.get(place)]
    if (known === undefined || still === undefined || compare(known, still) !== 0) feed.trades.delete(place)
  }
  for (const { session, trade } of newest) {
    const place = `${nameOf(trade)} ${session}`
    const before = feed.trades.get(place)
    if (!known(trade) || (before !== undefined && compare(before, trade) >= 0)) continue
    const { kind: _, ...latest } = trade
    feed.trades.set(place, { ...latest, session } satisfies LatestTrade)
  }
  for (const { kind: _, ...quote } of quotes) {
    const before = feed.quotes.get(nameOf(quote))
    if (known(quote) && (before === undefined || compare(before, quote) < 0)) feed.quotes.set(nameOf(quote), quote)
  }
  return { is: "written", left }
}

/** The newest of each key. */
const newestOf = <A extends Order>(rows: ReadonlyArray<A>, keyOf: (row: A) => string): ReadonlyArray<A> => {
  const kept = new Map<string, A>()
  for (const row of rows) {
    const before = kept.get(keyOf(row))
    if (before === undefined || compare(before, row) < 0) kept.set(keyOf(row), row)
  }
  return [...kept].sort(byText(([key]) => key)).map(([, row]) => row)
}

const least = (a: bigint, b: bigint): bigint => (b < a ? b : a)

const remove = <A>(rows: Map<string, A>, old: (row: A) => boolean): number => {
  let gone = 0
  for (const [id, row] of rows) if (old(row) && rows.delete(id)) gone++
  return gone
}

/** MX4 */
const sweep = (feeds: Map<string, Feed>, topics: ReadonlySet<number>, before: number) => {
  const old = BigInt(before) * 1_000_000n
  let [days, instruments] = [0, 0]
  for (const [id, feed] of feeds) {
    const there = topics.has(feed.cursor.partition.topic)
    days += remove(feed.bars, ({ interval, start }) => interval === "1d" && (!there || start < before))
    const alive = new Set([...feed.bars.values()].filter(({ interval }) => interval === "1d").map(nameOf))
    if (there)
      for (const one of [...feed.trades.values(), ...feed.quotes.values()])
        if (one.tsEvent >= old) alive.add(nameOf(one))
    const gone = (one: Instrument) => !alive.has(nameOf(one))
    remove(feed.trades, gone)
    remove(feed.quotes, gone)
    instruments += remove(feed.instruments, gone)
    if (!there && feed.instruments.size === 0) feeds.delete(id)
  }
  return { days, instruments, more: false }
}

export const layer = Layer.effect(
  MarketStore,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    const { feeds } = state.tables(MarketTables)
    /** MX5 */
    const of = (topics: ReadonlyArray<string>): ReadonlyArray<Feed> => {
      const { covers } = coveredBy(topics)
      return [...feeds.values()].filter(({ name }) => covers(name))
    }

    const matching = (query: BarQuery, from: number, until: number): ReadonlyArray<StoredBar> => {
      const rows = new Map<string, StoredBar>()
      for (const feed of of(query.topics))
        for (const { symbol, exchange, interval, session, start, bar, revision } of feed.bars.values()) {
          if (symbol !== query.symbol || interval !== query.interval || start < from || start >= until) continue
          if (!query.exchanges.includes(exchange) || !query.sessions.includes(session)) continue
          const row = { exchange, session, start, bar, revision }
          const id = `${start} ${placeOf(row)}`
          const before = rows.get(id)
          const both = before && { bar: merge(before.bar, bar), revision: before.revision + revision }
          rows.set(id, { ...row, ...both })
        }
      return [...rows.values()].sort((a, b) => a.start - b.start || byText(placeOf)(a, b))
    }

    return MarketStore.of({
      write: (projection) => Effect.sync(() => write(state.tables(MarketTables), projection)),
      cursor: (partition) => Effect.sync(() => feeds.get(partitionKey(partition))?.cursor),
      closes: (partition, of) =>
        Effect.sync(() => {
          const all = [...(feeds.get(partitionKey(partition))?.bars.values() ?? [])]
          return of.flatMap((key) => {
            const { exchange, symbol, session, but } = key
            const last = all
              .filter((one) => one.interval === "1m" && nameOf(one) === nameOf(key) && one.session === session)
              .filter(({ start, bar }) => !but.includes(start) && bar.close !== undefined)
              .reduce<KeyedBar | undefined>((a, b) => (a === undefined || a.start < b.start ? b : a), undefined)
            return last === undefined ? [] : [{ exchange, symbol, session, mark: last.bar.close! }]
          })
        }),
      told: ({ symbol, topics, exchange, trust }) =>
        Effect.sync(() => {
          const tellings = new Map<string, Telling>()
          for (const { name, cursor, instruments } of of(topics))
            for (const one of instruments.values()) {
              if (one.symbol !== symbol || (exchange !== undefined && one.exchange !== exchange)) continue
              const { exchanges = [], watermark } = tellings.get(name) ?? {}
              const slowest = tellings.has(name) ? least(watermark ?? 0n, cursor.watermark) : cursor.watermark
              tellings.set(name, {
                topic: name,
                exchanges: [...new Set([...exchanges, one.exchange])].sort(),
                watermark: slowest || undefined
              })
            }
          const { rankOf } = coveredBy(trust)
          return [...tellings.values()]
            .sort(byText(({ topic }) => topic))
            .sort((a, b) => rankOf(a.topic) - rankOf(b.topic))
            .slice(0, TELLING)
            .map((one) => ({ ...one, exchanges: one.exchanges.slice(0, EXCHANGES + 1) }))
        }),
      heard: (symbols, topics) =>
        Effect.sync(() => {
          const its = [...feeds.values()].filter(({ name }) => topics.includes(name))
          if (topics.some((topic) => !its.some(({ name }) => name === topic))) return undefined
          const told = new Set(its.flatMap(({ instruments }) => [...instruments.values()].map(({ symbol }) => symbol)))
          return symbols.filter((symbol) => told.has(symbol))
        }),
      latest: ({ symbol, topics }, exchanges) =>
        Effect.sync(() => {
          const here = <A extends Instrument>(rows: ReadonlyMap<string, A>) =>
            [...rows.values()].filter((one) => one.symbol === symbol && exchanges.includes(one.exchange))
          const trades = of(topics).flatMap((feed) => here(feed.trades))
          const quotes = of(topics).flatMap((feed) => here(feed.quotes))
          return {
            trades: newestOf(trades, ({ exchange, session }) => `${exchange} ${SESSIONS.indexOf(session)}`),
            quotes: newestOf(quotes, ({ exchange }) => exchange)
          }
        }),
      listed: ({ topics, prefix, after, limit }) =>
        Effect.sync(() => {
          const textOf = ({ symbol, exchange }: Instrument) => `${symbol} ${exchange}`
          const all = new Map(
            of(topics).flatMap(({ instruments }) => [...instruments.values()].map((one) => [textOf(one), one] as const))
          )
          return [...all.values()]
            .map(({ symbol, exchange }) => ({ symbol, exchange }))
            .filter((one) => one.symbol.startsWith(prefix) && (after === undefined || textOf(one) > textOf(after)))
            .sort(byText(textOf))
            .slice(0, limit)
        }),
      bars: (query, { from, until, limit }) =>
        Effect.sync(() => {
          const rows = matching(query, from, until)
          const starts = new Set(rows.filter(({ bar }) => !isEmpty(bar)).map(({ start }) => start))
          const last = [...starts].slice(0, limit).at(-1)
          return last === undefined ? [] : rows.filter(({ start }) => start <= last)
        }),
      before: (query, { from, until }) =>
        Effect.sync(() => {
          const rows = matching(query, from, until)
          const last = rows.findLast(({ bar }) => bar.close !== undefined)?.start
          return rows.filter(({ start }) => start === last)
        }),
      sweep: (lease, leaseMillis, { keepDaysMillis }) =>
        Effect.sync(() => {
          const now = clock.currentTimeMillisUnsafe()
          if (!fenced(state, lease, leaseMillis, now)) return undefined
          const topics = new Set([...state.tables(TopicTables).topics.values()].map(({ id }) => id))
          return sweep(feeds, topics, now - keepDaysMillis)
        }),
      drop: (before) =>
        Effect.sync(() => {
          const week = 7 * 86_400_000
          const monday = Date.UTC(2000, 0, 3)
          const weekOf = (start: number) => Math.floor((start - monday) / week)
          const ranges = new Set<number>()
          for (const feed of feeds.values())
            remove(feed.bars, ({ interval, start }) => {
              const ended = interval !== "1d" && monday + (weekOf(start) + 1) * week <= before
              if (ended) ranges.add(weekOf(start))
              return ended
            })
          return { dropped: ranges.size, left: 0 }
        })
    })
  })
)
