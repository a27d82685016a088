/** Bars and ticks as SQL takes and gives them. Pure. */
import type { BarKey, KeyedBar, Mark } from "../../../src/marketdata/Bar.ts"
import { type Interval, SESSIONS, WIDTH } from "../../../src/marketdata/Calendar.ts"
import { type Decimal, decimalOf, decimalText, priceOf, priceText } from "../../../src/marketdata/Decimal.ts"
import type { Closed, Cursor, LatestQuote, LatestTrade } from "../../../src/marketdata/MarketStore.ts"
import type { Projection } from "../../../src/marketdata/Projection.ts"
import type { StoredBar } from "../../../src/marketdata/Series.ts"
import type { Instrument, Order, Side } from "../../../src/marketdata/Tick.ts"
import type { Place } from "../../../src/topics/MessageId.ts"
import type { PartitionId } from "../../../src/topics/Piece.ts"

/** Seconds. */
export const everyOf = (interval: Interval): number => WIDTH[interval] / 1_000
const sessionOf = (session: StoredBar["session"]): number => SESSIONS.indexOf(session)

const name = ({ symbol, exchange }: Instrument) => ({ symbol, exchange })
const order = ({ tsEvent, sequence, epoch, offset }: Order) => ({
  ts: String(tsEvent),
  seq: String(sequence),
  epoch,
  off: offset
})
const markOf = (prefix: "open" | "close", mark: Mark | undefined) =>
  mark && {
    [`${prefix}_ts`]: String(mark.tsEvent),
    [`${prefix}_seq`]: String(mark.sequence),
    [`${prefix}_epoch`]: mark.epoch,
    [`${prefix}_off`]: mark.offset,
    [`${prefix}_price`]: priceText(mark.price)
  }
const keyOf = (key: BarKey) => ({
  ...name(key),
  ...{ every: everyOf(key.interval), session: sessionOf(key.session), start: key.start }
})
const partOf = ({ bar, ...key }: KeyedBar) => ({
  ...keyOf(key),
  ...markOf("open", bar.open),
  ...markOf("close", bar.close),
  ...(bar.high === undefined ? {} : { high: priceText(bar.high) }),
  ...(bar.low === undefined ? {} : { low: priceText(bar.low) }),
  ...{ volume: decimalText(bar.volume), notional: decimalText(bar.notional), trades: bar.trades }
})
const sideOf = (prefix: "bid" | "ask", side: Side | undefined) =>
  side && { [prefix]: priceText(side.price), [`${prefix}_size`]: decimalText(side.size) }
const placeOf = (place: Place | undefined) => (place === undefined ? null : [place.epoch, place.offset])

export const encode = (projection: Projection): string => {
  const {
    partition,
    name: topicName,
    from,
    to,
    watermark,
    bars,
    instead,
    again,
    forgotten,
    newest,
    quotes
  } = projection
  return JSON.stringify({
    ...{ topic: partition.topic, part: partition.partition, name: topicName, from: placeOf(from), to: placeOf(to) },
    watermark: String(watermark),
    bars: bars.map(partOf),
    instead: instead.map(partOf),
    again: again.map((key) => ({ ...keyOf(key), end: key.end })),
    forgotten: forgotten.map((one) => ({ ...name(one), session: sessionOf(one.session) })),
    latest: newest.map(({ session, trade }) => ({
      ...{ ...name(trade), session: sessionOf(session), ...order(trade), price: priceText(trade.price) },
      ...{ recv: String(trade.tsRecv), size: decimalText(trade.size), currency: trade.currency, trade: trade.id },
      conditions: trade.conditions
    })),
    quotes: quotes.map((quote) => ({
      ...{ ...name(quote), ...order(quote), recv: String(quote.tsRecv), currency: quote.currency },
      ...{ ...sideOf("bid", quote.bid), ...sideOf("ask", quote.ask) }
    }))
  })
}

type But = Instrument & Pick<BarKey, "session"> & { readonly but: ReadonlyArray<number> }
export const encodeBut = (of: ReadonlyArray<But>): string =>
  JSON.stringify(of.map((one) => ({ ...name(one), session: sessionOf(one.session), but: one.but })))

export interface CursorRow extends Place {
  readonly watermark: string
  readonly beganEpoch: number
  readonly beganOffset: number
}

export const readCursor = (
  partition: PartitionId,
  { beganEpoch, beganOffset, watermark, ...at }: CursorRow
): Cursor => ({
  ...{ ...at, partition, watermark: BigInt(watermark), began: { epoch: beganEpoch, offset: beganOffset } }
})

/** [ts, seq, epoch, off, price] */
type MarkRow = readonly [string, string, string, string, string]

export interface BarRow {
  readonly exchange: string
  readonly session: number
  readonly start: number
  readonly open: MarkRow | null
  readonly close: MarkRow | null
  readonly high: string | null
  readonly low: string | null
  readonly volume: string
  readonly notional: string
  readonly trades: string
  readonly revision: number
}

/** What the database holds was written as one. */
const price = (text: string): bigint => priceOf(text) as bigint
const decimal = (text: string): Decimal => decimalOf(text) as Decimal
const readOrder = ([ts, seq, epoch, off]: ReadonlyArray<string>): Order => ({
  ...{ tsEvent: BigInt(ts!), sequence: BigInt(seq!), epoch: Number(epoch), offset: Number(off) }
})
const readMark = (row: MarkRow | null): Mark | undefined =>
  row === null ? undefined : { ...readOrder(row), price: price(row[4]) }

export const readBar = (row: BarRow): StoredBar => ({
  ...{ exchange: row.exchange, session: SESSIONS[row.session]!, start: row.start, revision: row.revision },
  bar: {
    ...{ open: readMark(row.open), close: readMark(row.close) },
    high: row.high === null ? undefined : price(row.high),
    low: row.low === null ? undefined : price(row.low),
    ...{ volume: decimal(row.volume), notional: decimal(row.notional), trades: Number(row.trades) }
  }
})

export interface ClosedRow extends Instrument {
  readonly session: number
  readonly mark: MarkRow
}

export const readClosed = ({ session, mark, ...row }: ClosedRow): Closed => ({
  ...row,
  session: SESSIONS[session]!,
  mark: readMark(mark)!
})

export interface TradeRow extends Instrument {
  readonly session: number
  readonly mark: MarkRow
  readonly recv: string
  readonly size: string
  readonly currency: string
  readonly id: string
  readonly conditions: ReadonlyArray<string>
}

export const readTrade = ({ session, mark, recv, size, ...row }: TradeRow): LatestTrade => ({
  ...{ ...row, ...readOrder(mark), session: SESSIONS[session]!, price: price(mark[4]) },
  ...{ tsRecv: BigInt(recv), size: decimal(size) }
})

export interface QuoteRow extends Instrument {
  readonly mark: ReadonlyArray<string>
  readonly recv: string
  readonly currency: string
  readonly bid: string | null
  readonly bidSize: string | null
  readonly ask: string | null
  readonly askSize: string | null
}

const readSide = (at: string | null, size: string | null): Side | undefined =>
  at === null || size === null ? undefined : { price: price(at), size: decimal(size) }

export const readQuote = ({ mark, recv, bid, bidSize, ask, askSize, ...row }: QuoteRow): LatestQuote => ({
  ...{ ...row, ...readOrder(mark), tsRecv: BigInt(recv), bid: readSide(bid, bidSize), ask: readSide(ask, askSize) }
})
