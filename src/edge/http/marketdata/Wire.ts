/** Market data as JSON: prices and sizes are texts, so that nobody reads them as doubles. Nanoseconds are texts, too. */
import { Schema } from "effect"
import { averageOf } from "../../../marketdata/Bar.ts"
import { INTERVALS, SESSIONS } from "../../../marketdata/Calendar.ts"
import { decimalText, priceText } from "../../../marketdata/Decimal.ts"
import { type Asked, type Bars, type Listed, type Newest, PAGE } from "../../../marketdata/MarketData.ts"
import { EXCHANGE, SYMBOL } from "../../../marketdata/ReadTick.ts"
import { SESSION_CHOICES } from "../../../marketdata/Series.ts"
import { type Instrument, millisOf, type Side } from "../../../marketdata/Tick.ts"
import { Stamp, stamp, TopicName, Whole } from "../Wire.ts"

const shown = (json: Readonly<Record<string, unknown>>) =>
  Schema.makeFilter<string>(() => undefined, { toJsonSchema: () => json })

/** The use case enforces it and words the refusal; a slash is written as %2F. */
export const Symbol = Schema.String.check(shown({ minLength: 1, maxLength: 64, pattern: SYMBOL.source })).annotate({
  examples: ["AAPL"]
})
export const Exchange = Schema.String.check(shown({ minLength: 1, maxLength: 32, pattern: EXCHANGE.source })).annotate({
  examples: ["NASDAQ"]
})
/** Of which topic; all that the caller may read unless it is said. */
export const Topic = TopicName.annotate({ description: "All that the caller may read unless it is said." })
export const Prefix = Schema.String.check(Schema.isMaxLength(64)).annotate({
  description: "What symbols begin with.",
  examples: ["BTC-"]
})
/** Of lists: the last symbol and exchange, as an answer gave them. */
export const ListCursor = Schema.String.check(
  Schema.makeFilter(
    (text) => {
      const [symbol = "", exchange = "", ...others] = text.split(" ")
      return SYMBOL.test(symbol) && EXCHANGE.test(exchange) && others.length === 0
        ? undefined
        : "the cursor of an answer"
    },
    { toJsonSchema: () => ({ maxLength: 97 }) }
  )
).annotate({ examples: ["AAPL NASDAQ"] })
export const listedIn = (cursor: string | undefined): Instrument | undefined => {
  const [symbol, exchange] = cursor?.split(" ") ?? []
  return symbol === undefined || exchange === undefined ? undefined : { symbol, exchange }
}

export const SessionChoice = Schema.Literals(SESSION_CHOICES).annotate({
  description:
    "regular: regular hours; extended: before and after them; all (unless it is said): whenever something was traded."
})
export const Interval = Schema.Literals(INTERVALS).annotate({ description: "1m unless it is said." })
export const Fill = Schema.Literals(["none", "previous"]).annotate({
  description:
    "previous: where nothing was traded although the venue was open, a flat bar of the last price with volume 0."
})
export const Limit = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: PAGE })).annotate({
  description: `${PAGE} unless it is said.`
})
const TIME = /^(\d{1,15}|\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?)$/
const LAST = 8_640_000_000_000_000
const millisIn = (text: string): number => (/^\d{5,}$/.test(text) ? Number(text) : Date.parse(text))
export const Time = Schema.String.check(
  Schema.makeFilter(
    (text) => {
      const millis = TIME.test(text) ? millisIn(text) : Number.NaN
      return millis >= 0 && millis <= LAST
        ? undefined
        : "a date such as 2026-01-31T09:30:00Z, or milliseconds since 1970"
    },
    { toJsonSchema: () => ({ pattern: TIME.source }) }
  )
).annotate({ description: "A date with its zone, or milliseconds since 1970.", examples: ["2026-01-31T09:30:00Z"] })
export const timeOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : millisIn(text)

/** As an answer gave it. */
export const Cursor = Schema.String.check(
  Schema.makeFilter((text) => (/^[0-9]{1,15}$/.test(text) ? undefined : "the cursor of an answer"), {
    toJsonSchema: () => ({ pattern: "^[0-9]{1,15}$" })
  })
).annotate({ examples: ["1769850000000"] })

const Decimal = Schema.String.annotate({ examples: ["187.23"] })
const Nanos = Schema.String.annotate({ examples: ["1769850000123456789"] })
const MaybeDecimal = Schema.NullOr(Decimal)
const SessionName = Schema.Literals(SESSIONS)

const SideShown = Schema.NullOr(Schema.Struct({ price: Decimal, size: Decimal }))

const OfTopics = {
  topics: Schema.Array(Schema.String).annotate({ description: "Of which topics this was put together." }),
  left_out: Schema.Array(Schema.Struct({ topic: Schema.String, why: Schema.Literal("trust") })).annotate({
    description:
      "Topics that tell of the symbol, too. trust: one of an earlier pattern of MARKET_DATA_TOPICS does. `topic` asks for one."
  })
}

export const Latest = Schema.Struct({
  symbol: Schema.String,
  exchange: Schema.String,
  price: Decimal,
  size: Decimal,
  currency: Schema.String,
  timestamp: Stamp,
  ts_event: Nanos,
  ts_recv: Schema.NullOr(Nanos),
  sequence: Schema.String,
  id: Schema.String,
  conditions: Schema.Array(Schema.String),
  session: SessionName,
  market: SessionName,
  age_ms: Whole,
  stale: Schema.Boolean,
  ...OfTopics,
  quote: Schema.NullOr(Schema.Struct({ bid: SideShown, ask: SideShown, timestamp: Stamp, ts_event: Nanos }))
}).annotate({ identifier: "LatestMarketData" })
export type Latest = typeof Latest.Type

const Bar = Schema.Struct({
  start_time: Stamp,
  end_time: Stamp,
  open: MaybeDecimal,
  high: MaybeDecimal,
  low: MaybeDecimal,
  close: MaybeDecimal,
  volume: Decimal,
  vwap: MaybeDecimal,
  trades: Whole,
  revision: Whole,
  final: Schema.Boolean,
  filled: Schema.Boolean
}).annotate({ identifier: "Bar" })

export const History = Schema.Struct({
  symbol: Schema.String,
  exchange: Schema.NullOr(Schema.String),
  interval: Interval,
  data: Schema.Array(Bar),
  count: Whole,
  has_more: Schema.Boolean,
  cursor: Schema.NullOr(Schema.String),
  ...OfTopics
}).annotate({ identifier: "MarketDataHistory" })
export type History = typeof History.Type

export const List = Schema.Struct({
  data: Schema.Array(Schema.Struct({ symbol: Schema.String, exchange: Schema.String })),
  count: Whole,
  has_more: Schema.Boolean,
  cursor: Schema.NullOr(Schema.String)
}).annotate({ identifier: "MarketDataList" })

export const listOf = ({ listed, next }: Listed): typeof List.Type => ({
  data: listed.map(({ symbol, exchange }) => ({ symbol, exchange })),
  ...{ count: listed.length, has_more: next !== undefined },
  cursor: next === undefined ? null : `${next.symbol} ${next.exchange}`
})

const side = (one: Side | undefined) =>
  one === undefined ? null : { price: priceText(one.price), size: decimalText(one.size) }
const maybe = (nanos: bigint | undefined): string | null => (nanos === undefined ? null : priceText(nanos))

export const latestOf = ({ trade, quote, market, age, stale, topics, leftOut }: Newest): Latest => ({
  ...{ symbol: trade.symbol, exchange: trade.exchange, price: priceText(trade.price), size: decimalText(trade.size) },
  ...{ currency: trade.currency, timestamp: stamp(millisOf(trade.tsEvent)), ts_event: String(trade.tsEvent) },
  ts_recv: trade.tsRecv === 0n ? null : String(trade.tsRecv),
  ...{ sequence: String(trade.sequence), id: trade.id, conditions: trade.conditions, session: trade.session },
  ...{ market, age_ms: age, stale, topics, left_out: leftOut },
  quote:
    quote === undefined
      ? null
      : {
          ...{ bid: side(quote.bid), ask: side(quote.ask) },
          ...{ timestamp: stamp(millisOf(quote.tsEvent)), ts_event: String(quote.tsEvent) }
        }
})

export const historyOf = (
  { symbol, exchange }: Asked,
  interval: History["interval"],
  { candles, next, topics, leftOut }: Bars
): History => ({
  ...{ symbol, exchange: exchange ?? null, interval },
  data: candles.map(({ start, end, bar, revision, final, filled }) => ({
    ...{ start_time: stamp(start), end_time: stamp(end) },
    ...{ open: maybe(bar.open?.price), high: maybe(bar.high), low: maybe(bar.low), close: maybe(bar.close?.price) },
    ...{ volume: decimalText(bar.volume), vwap: maybe(averageOf(bar)), trades: bar.trades, revision, final, filled }
  })),
  ...{ count: candles.length, has_more: next !== undefined, cursor: next === undefined ? null : String(next) },
  ...{ topics, left_out: leftOut }
})

const OF_MARKET_DATA = /^\/api(?=\/v1\/market-data(?:[/?]|$))/

/** Clients of market data know it below /api. */
export const asRouted = (url: string): string => url.replace(OF_MARKET_DATA, "")
