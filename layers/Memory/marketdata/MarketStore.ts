/** MarketStore over a `State`, by the rules of migration 0038. */
import { Clock, Effect, Layer } from "effect"
import { EMPTY, idOf, type KeyedBar, merge } from "../../../src/marketdata/Bar.ts"
import { SESSIONS } from "../../../src/marketdata/Calendar.ts"
import {
  type BarQuery,
  EXCHANGES,
  INSTRUMENTS,
  type LatestTrade,
  MarketStore,
  type Written
} from "../../../src/marketdata/MarketStore.ts"
import type { Projection } from "../../../src/marketdata/Projection.ts"
import type { StoredBar } from "../../../src/marketdata/Series.ts"
import { compare, type Instrument } from "../../../src/marketdata/Tick.ts"
import { samePlace } from "../../../src/topics/MessageId.ts"
import { partitionKey } from "../../../src/topics/Piece.ts"
import { fenced } from "../leases/LeaseTables.ts"
import { State } from "../State.ts"
import { TopicTables } from "../topics/TopicTables.ts"
import { MarketTables } from "./MarketTables.ts"

const nameOf = ({ exchange, symbol }: Instrument): string => `${exchange} ${symbol}`
const byText =
  <A>(textOf: (one: A) => string) =>
  (a: A, b: A) =>
    textOf(a) < textOf(b) ? -1 : textOf(a) > textOf(b) ? 1 : 0

/** As the database orders bars of one start. */
const placeOf = ({ exchange, session }: StoredBar): string => `${exchange} ${SESSIONS.indexOf(session)}`

/** Puts it to what is there, or in its place. */
const put = (tables: MarketTables, { bar, ...key }: KeyedBar, instead: boolean): void => {
  const id = idOf(key)
  const before = tables.bars.get(id)
  const revision = (before?.revision ?? 0) + 1
  tables.bars.set(id, { ...key, revision, bar: instead ? bar : merge(before?.bar ?? EMPTY, bar) })
}

/** Returns how many instruments there was no room for. MX3 */
const hear = (tables: MarketTables, { partition, bars, instead, newest, quotes }: Projection): number => {
  const heard = new Map<string, Instrument>()
  for (const one of [...bars, ...instead, ...newest.map(({ trade }) => trade), ...quotes])
    heard.set(nameOf(one), { exchange: one.exchange, symbol: one.symbol })
  let left = 0
  for (const [name, one] of [...heard].sort(byText(([, { symbol, exchange }]) => `${symbol} ${exchange}`)))
    if (tables.instruments.has(name) || tables.instruments.size < INSTRUMENTS)
      tables.instruments.set(name, { ...one, partition })
    else left++
  return left
}

const write = (tables: MarketTables, projection: Projection): Written => {
  const { partition, name, from, to, watermark, bars, instead, again, forgotten, newest, quotes } = projection
  const id = partitionKey(partition)
  const cursor = tables.cursors.get(id)
  const follows = from === undefined || cursor === undefined ? from === cursor : samePlace(from, cursor)
  if (!follows) return { is: "moved", at: cursor && { epoch: cursor.epoch, offset: cursor.offset } } // MX1
  const newer = cursor !== undefined && cursor.watermark > watermark ? cursor.watermark : watermark
  tables.cursors.set(id, { ...to, partition, name: cursor?.name ?? name, watermark: newer })
  const left = hear(tables, projection)
  const known = (one: Instrument) => tables.instruments.has(nameOf(one))
  for (const bar of bars) if (known(bar)) put(tables, bar, false)
  for (const bar of instead) if (known(bar)) put(tables, bar, true)
  for (const { end, ...key } of again) {
    if (!tables.bars.has(idOf(key))) continue
    const minutes = [...tables.bars.values()].filter(
      (one) =>
        nameOf(one) === nameOf(key) &&
        one.interval === "1m" &&
        one.session === key.session &&
        one.start >= key.start &&
        one.start < end
    )
    put(tables, { ...key, bar: minutes.reduce((all, { bar }) => merge(all, bar), EMPTY) }, true)
  }
  for (const one of forgotten) tables.trades.delete(`${nameOf(one)} ${one.session}`)
  for (const { session, trade } of newest) {
    const place = `${nameOf(trade)} ${session}`
    const before = tables.trades.get(place)
    if (!known(trade) || (before !== undefined && compare(before, trade) >= 0)) continue
    const { kind: _, ...latest } = trade
    tables.trades.set(place, { ...latest, session } satisfies LatestTrade)
  }
  for (const { kind: _, ...quote } of quotes) {
    const before = tables.quotes.get(nameOf(quote))
    if (known(quote) && (before === undefined || compare(before, quote) < 0)) tables.quotes.set(nameOf(quote), quote)
  }
  return { is: "written", left }
}

export const layer = Layer.effect(
  MarketStore,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    const tables = state.tables(MarketTables)

    const matching = (query: BarQuery, from: number, until: number): ReadonlyArray<StoredBar> =>
      [...tables.bars.values()]
        .filter(
          ({ symbol, exchange, interval, session, start }) =>
            symbol === query.symbol &&
            interval === query.interval &&
            query.exchanges.includes(exchange) &&
            query.sessions.includes(session) &&
            start >= from &&
            start < until
        )
        .map(({ exchange, session, start, bar, revision }) => ({ exchange, session, start, bar, revision }))
        .sort((a, b) => a.start - b.start || byText(placeOf)(a, b))

    const remove = <A>(rows: Map<string, A>, old: (row: A) => boolean): number => {
      let gone = 0
      for (const [id, row] of rows) if (old(row) && rows.delete(id)) gone++
      return gone
    }

    return MarketStore.of({
      write: (projection) => Effect.sync(() => write(tables, projection)),
      cursor: (partition) =>
        Effect.sync(() => {
          const found = tables.cursors.get(partitionKey(partition))
          if (found === undefined) return undefined
          const { name: _, ...cursor } = found
          return cursor
        }),
      traded: (symbol) =>
        Effect.sync(() =>
          [...tables.instruments.values()]
            .filter((one) => one.symbol === symbol)
            .sort(byText(({ exchange }) => exchange))
            .slice(0, EXCHANGES)
            .map(({ exchange, partition }) => {
              const { name, watermark } = tables.cursors.get(partitionKey(partition))!
              return { exchange, topic: name, watermark: watermark || undefined }
            })
        ),
      latest: (symbol, exchanges) =>
        Effect.sync(() => {
          const of = <A extends Instrument>(rows: ReadonlyMap<string, A>) =>
            [...rows.values()]
              .filter((one) => one.symbol === symbol && exchanges.includes(one.exchange))
              .sort(byText(({ exchange }) => exchange))
          return { trades: of(tables.trades), quotes: of(tables.quotes) }
        }),
      bars: (query, { from, until, limit }) =>
        Effect.sync(() => {
          const rows = matching(query, from, until)
          const starts = new Set([...new Set(rows.map(({ start }) => start))].slice(0, limit))
          return rows.filter(({ start }) => starts.has(start))
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
          const days = remove(tables.bars, ({ interval, start }) => interval === "1d" && start < now - keepDaysMillis)
          const alive = new Set([...tables.bars.values()].filter(({ interval }) => interval === "1d").map(nameOf))
          const old = BigInt(now - keepDaysMillis) * 1_000_000n
          const fresh = new Set([...tables.trades.values()].filter(({ tsEvent }) => tsEvent >= old).map(nameOf))
          const traded = new Set([...tables.trades.values()].map(nameOf))
          const gone = (one: Instrument) =>
            traded.has(nameOf(one)) && !alive.has(nameOf(one)) && !fresh.has(nameOf(one))
          remove(tables.trades, gone)
          remove(tables.quotes, gone)
          const instruments = remove(tables.instruments, gone)
          const topics = new Set([...state.tables(TopicTables).topics.values()].map(({ id }) => id))
          const told = new Set([...tables.instruments.values()].map(({ partition }) => partitionKey(partition)))
          remove(tables.cursors, ({ partition }) => !topics.has(partition.topic) && !told.has(partitionKey(partition)))
          return { days, instruments, more: false }
        }),
      drop: (before) =>
        Effect.sync(() => {
          const week = 7 * 86_400_000
          const monday = Date.UTC(2000, 0, 3)
          const ended = ({ interval, start }: KeyedBar) =>
            interval !== "1d" && monday + (Math.floor((start - monday) / week) + 1) * week <= before
          const ranges = new Set(
            [...tables.bars.values()].filter(ended).map(({ start }) => Math.floor((start - monday) / week))
          )
          remove(tables.bars, ended)
          return { dropped: ranges.size, left: 0 }
        })
    })
  })
)
