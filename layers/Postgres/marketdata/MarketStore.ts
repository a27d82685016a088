/** Keeps bars and what is newest of market data, in PostgreSQL: writes by one call of `herald_market_write`. */
import { Effect, Layer } from "effect"
import { SESSIONS } from "../../../src/marketdata/Calendar.ts"
import {
  type BarQuery,
  INSTRUMENTS,
  MarketStore,
  SHARE,
  type SweptMarket,
  TELLING,
  type Visible,
  type Written
} from "../../../src/marketdata/MarketStore.ts"
import type { Instrument } from "../../../src/marketdata/Tick.ts"
import { EXCHANGES, type Telling } from "../../../src/marketdata/Trust.ts"
import { dropRanges } from "../connection/DropRanges.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"
import { asFence, millis } from "../leases/Fence.ts"
import {
  type BarRow,
  type ClosedRow,
  type CursorRow,
  encode,
  encodeBut,
  everyOf,
  type QuoteRow,
  readBar,
  readClosed,
  readCursor,
  readQuote,
  readTrade,
  type TradeRow
} from "./Rows.ts"

/** Rows of each that one step removes. */
const STEP = 5_000

interface TellingRow extends Pick<Telling, "topic" | "exchanges"> {
  readonly watermark: string
}

interface WrittenRow {
  readonly left?: number
  readonly epoch?: number | null
  readonly offset?: number
}
const writtenOf = ({ left, epoch, offset }: WrittenRow): Written =>
  left !== undefined
    ? { is: "written", left }
    : { is: "moved", at: epoch === null || epoch === undefined ? undefined : { epoch, offset: offset! } }

export const layer = Layer.effect(
  MarketStore,
  Effect.gen(function* () {
    const { other: sql, reads } = yield* Pools
    const barsOf = ({ interval }: BarQuery) => (interval === "1d" ? reads`market_days` : reads`market_bars`)
    /** The instruments of a symbol, of topics that are asked for. MX5 */
    const ofTopics = (topics: Visible["topics"]) =>
      topics.includes("*")
        ? reads`true`
        : reads`i.topic = any ((select herald_market_topics(${JSON.stringify(topics)}::text::jsonb))::bigint[])`
    const seen = ({ symbol, topics }: Visible) => reads`i.symbol = ${symbol} and ${ofTopics(topics)}`
    /** Those of exchanges. */
    const among = (of: Visible, exchanges: ReadonlyArray<string>) =>
      reads`${seen(of)} and i.exchange = any (string_to_array(${exchanges.join(" ")}, ' '))`
    /** The bars that a query is of. */
    const within = (query: BarQuery) => reads`
      from ${barsOf(query)} b join market_instruments i on i.id = b.instrument
      where ${among(query, query.exchanges)} and b.every = ${everyOf(query.interval)}::int
        and b.session = any (string_to_array(${query.sessions.map((one) => SESSIONS.indexOf(one)).join(" ")}, ' ')::smallint[])`
    const mark = (column: "open" | "close") => {
      const of = reads`${reads(column)}`
      return reads`case when m.${of} is not null then array[(m.${of}).ts::text, (m.${of}).seq::text, (m.${of}).epoch::text, (m.${of}).off::text,
        (m.${of}).price::text] end as ${of}`
    }
    /** One row for each exchange, session and start of these bars: MX5. */
    const put = (rows: ReturnType<typeof within>) => reads`
      select m.exchange, m.session, herald_millis(m.start_at) as start, ${mark("open")}, ${mark("close")}, m.high::text as high, m.low::text as low,
        m.volume::text as volume, m.notional::text as notional, m.trades::text as trades, m.revision::float8 as revision
      from (
        select i.exchange, b.session, b.start_at, (array_agg(b.open order by b.open) filter (where b.open is not null))[1] as open,
          (array_agg(b.close order by b.close desc) filter (where b.close is not null))[1] as close, max(b.high) as high, min(b.low) as low,
          sum(b.volume) as volume, sum(b.notional) as notional, sum(b.trades) as trades, sum(b.revision) as revision
        ${rows} group by i.exchange, b.session, b.start_at) m
      order by m.start_at, m.exchange, m.session`

    return MarketStore.of({
      write: (projection) =>
        Effect.map(
          guarded("write market data")(sql<{ written: WrittenRow }>`
            select herald_market_write(${encode(projection)}::text::jsonb, ${INSTRUMENTS}::int, ${SHARE}::int) as written`),
          ([row]) => writtenOf(row!.written)
        ),
      cursor: (partition) =>
        Effect.map(
          guarded("read how far market data is written")(sql<CursorRow>`
            select epoch::float8 as epoch, next_off::float8 as "offset", watermark::text as watermark, began_epoch::float8 as "beganEpoch",
              began_off::float8 as "beganOffset" from market_cursors
            where topic = ${String(partition.topic)}::text::bigint and part = ${partition.partition}::int`),
          ([row]) => row && readCursor(partition, row)
        ),
      closes: ({ topic, partition }, of) =>
        Effect.map(
          guarded("read what closed minutes")(sql<ClosedRow>`
            select k.symbol, k.exchange, k.session, array[(m.close).ts::text, (m.close).seq::text, (m.close).epoch::text, (m.close).off::text,
              (m.close).price::text] as mark
            from jsonb_to_recordset(${encodeBut(of)}::text::jsonb) as k(symbol text, exchange text, session smallint, but jsonb)
              join market_instruments i on i.symbol = k.symbol and i.topic = ${String(topic)}::text::bigint and i.part = ${partition}::int
                and i.exchange = k.exchange
              cross join lateral (select b.close from market_bars b where b.instrument = i.id and b.every = 60 and b.session = k.session
                and b.close is not null and not k.but @> to_jsonb(herald_millis(b.start_at)) order by b.start_at desc limit 1) m`),
          (rows) => rows.map(readClosed)
        ),
      told: ({ symbol, topics, exchange, trust }) =>
        Effect.map(
          guarded("read who tells of a symbol")(reads<TellingRow>`
            select topic, to_jsonb(exchanges) as exchanges, watermark::text as watermark from herald_market_told(${symbol}, ${exchange ?? null}::text,
              ${JSON.stringify(topics)}::text::jsonb, ${JSON.stringify(trust)}::text::jsonb, ${TELLING}::int, ${EXCHANGES + 1}::int)`),
          (rows) =>
            rows.map(({ watermark, ...row }) => ({
              ...row,
              watermark: watermark === "0" ? undefined : BigInt(watermark)
            }))
        ),
      heard: (symbols, topics) =>
        Effect.map(
          guarded("read which symbols were told of")(reads<{ known: boolean; heard: ReadonlyArray<string> }>`
            select (select count(distinct c.name) from market_cursors c
                where c.name in (select jsonb_array_elements_text(${JSON.stringify(topics)}::text::jsonb)))
              = (select count(distinct t) from jsonb_array_elements_text(${JSON.stringify(topics)}::text::jsonb) t) as known,
              coalesce((select jsonb_agg(s) from jsonb_array_elements_text(${JSON.stringify(symbols)}::text::jsonb) s
                where exists (select from market_instruments i where i.symbol = s and ${ofTopics(topics)})), '[]') as heard`),
          ([row]) => (row!.known ? row!.heard : undefined)
        ),
      latest: (of, exchanges) => {
        const here = reads`join market_instruments i on i.id = l.instrument where ${among(of, exchanges)} order by i.exchange`
        return Effect.all({
          trades: Effect.map(
            guarded("read the latest trades")(reads<TradeRow>`
              select distinct on (i.exchange, l.session) i.symbol, i.exchange, l.session, array[(l.mark).ts::text, (l.mark).seq::text,
                (l.mark).epoch::text, (l.mark).off::text, (l.mark).price::text] as mark, l.recv::text as recv, l.size::text as size, l.currency,
                l.trade as id, l.conditions
              from market_latest l ${here}, l.session, l.mark desc`),
            (rows) => rows.map(readTrade)
          ),
          quotes: Effect.map(
            guarded("read the latest quotes")(reads<QuoteRow>`
              select distinct on (i.exchange) i.symbol, i.exchange, array[(l.mark).ts::text, (l.mark).seq::text, (l.mark).epoch::text,
                (l.mark).off::text] as mark, l.recv::text as recv, l.currency, l.bid::text as bid, l.bid_size::text as "bidSize",
                l.ask::text as ask, l.ask_size::text as "askSize"
              from market_quotes l ${here}, l.mark desc`),
            (rows) => rows.map(readQuote)
          )
        })
      },
      listed: ({ topics, prefix, after, limit }) =>
        guarded("list market data")(reads<Instrument>`
          select i.symbol, i.exchange from market_instruments i
          where ${ofTopics(topics)}
            and i.symbol >= ${prefix} and starts_with(i.symbol, ${prefix})
            and (i.symbol, i.exchange) > (${after?.symbol ?? ""}, ${after?.exchange ?? ""})
          group by i.symbol, i.exchange order by i.symbol, i.exchange limit ${limit}::int`),
      bars: (query, { from, until, limit }) => {
        const between = reads`${within(query)} and b.start_at >= herald_at(${from}::float8) and b.start_at < herald_at(${until}::float8)`
        return Effect.map(
          guarded("read bars")(
            reads<BarRow>`${put(reads`${between} and b.start_at <= (select max(start_at) from (
            select distinct b.start_at ${between} and (b.trades > 0 or b.open is not null or b.high is not null)
            order by b.start_at limit ${limit}::int) first)`)}`
          ),
          (rows) => rows.map(readBar)
        )
      },
      before: (query, { from, until }) => {
        const between = reads`${within(query)} and b.start_at >= herald_at(${from}::float8) and b.start_at < herald_at(${until}::float8)`
        return Effect.map(
          guarded("read the bar before")(
            reads<BarRow>`${put(reads`${between} and b.start_at = (
            select b.start_at ${between} and b.close is not null order by b.start_at desc limit 1)`)}`
          ),
          (rows) => rows.map(readBar)
        )
      },
      sweep: (lease, leaseMillis, { keepMillis, keepDaysMillis }) =>
        Effect.map(
          guarded("sweep market data")(sql<{ swept: SweptMarket | null }>`
            select herald_market_sweep(${asFence(lease)}::text::jsonb, ${millis(leaseMillis)}::interval, ${millis(keepMillis)}::interval,
              ${millis(keepDaysMillis)}::interval, ${STEP}::int) as swept`),
          ([row]) => row!.swept ?? undefined
        ),
      drop: (before) => dropRanges(sql, "bars", `select * from herald_market_expired(herald_at(${Math.trunc(before)}))`)
    })
  })
)
