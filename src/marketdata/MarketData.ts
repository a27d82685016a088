/**
 * Use cases on market data: what was traded last, and bars. Every method checks `CurrentIdentity` for the topics that it tells of.
 *
 *   MU1  Nobody is told of anything that was told in a topic which they may not read, nor whether there is any: what is put together is of the
 *        topics that the asker may read.
 *   MU2  An answer says how old it is, in which session that was and is, and whether it is stale: older than it may be while the venue is open.
 *   MU4 in Trust.ts
 *   MU3  A page ends at its limit, and the next one goes on behind it without a gap and without a bar twice. None is of the time to come. Without a
 *        beginning and an end it has the newest, although nothing was traded of late: it ends with the last trade.
 */
import { Clock, Context, Effect, Layer } from "effect"
import { requireTopic } from "../access/RequireTopic.ts"
import { mayTopic, topicsOf } from "../access/TopicRights.ts"
import { failure, HeraldError } from "../errors/HeraldError.ts"
import { isTopicName } from "../keys/TopicName.ts"
import { excerpt } from "../text/Excerpt.ts"
import { type Interval, type Session, sessionAt, WIDTH } from "./Calendar.ts"
import { coveredBy } from "./Covered.ts"
import { type Latest, type LatestQuote, type LatestTrade, MarketStore } from "./MarketStore.ts"
import { EXCHANGE, SYMBOL } from "./ReadTick.ts"
import { acrossAll, type Candle, candlesOf, filled, isFinal, type SessionChoice, sessionsOf } from "./Series.ts"
import { compare, type Instrument, millisOf } from "./Tick.ts"
import { type LeftOut, trusted } from "./Trust.ts"
import { venueOf } from "./Venue.ts"

/** Bars of one page. MU3 */
export const PAGE = 1_000
/** Milliseconds before a page in which the last price is looked for. */
const LOOK_BACK = 14 * 86_400_000

export interface Asked {
  readonly symbol: string
  /** Undefined: all that there are. */
  readonly exchange: string | undefined
  /** The name of the topic that is meant; undefined: all that the caller may read. */
  readonly topic: string | undefined
  readonly session: SessionChoice
}

export interface AskedBars extends Asked {
  readonly interval: Interval
  /** Milliseconds since 1970; undefined: as many bars before `until` as the page has. */
  readonly from: number | undefined
  /** Not in it; undefined: now. */
  readonly until: number | undefined
  /** 1 to `PAGE`. */
  readonly limit: number
  readonly fill: "none" | "previous"
}

/** Of whom an answer is. MU4 */
interface OfTopics {
  /** The names of the topics that it was put together of, in the order in which they are trusted. */
  readonly topics: ReadonlyArray<string>
  readonly leftOut: ReadonlyArray<LeftOut>
}

export interface Newest extends OfTopics {
  readonly trade: LatestTrade
  readonly quote: LatestQuote | undefined
  /** In which its venue is now. */
  readonly market: Session
  /** Milliseconds since it was made. */
  readonly age: number
  readonly stale: boolean
}

export interface Bars extends OfTopics {
  readonly candles: ReadonlyArray<Candle & { readonly final: boolean }>
  /** Where the next page begins, in milliseconds since 1970; undefined: that was all. */
  readonly next: number | undefined
}

export interface AskedList {
  /** As `Asked`. */
  readonly topic: string | undefined
  /** What symbols begin with; "": all. */
  readonly prefix: string
  readonly after: Instrument | undefined
  /** 1 to `LIST_PAGE`. */
  readonly limit: number
}

export interface Listed {
  readonly listed: ReadonlyArray<Instrument>
  /** Behind which the next page begins; undefined: that was all. */
  readonly next: Instrument | undefined
}

export interface MarketDataOptions {
  /** Patterns of topics that have market data: those of the first are trusted most. MU4 */
  readonly topics: ReadonlyArray<string>
  readonly staleMillis: number
}

export class MarketData extends Context.Service<
  MarketData,
  {
    /** The newest trade that counts for it, over all exchanges. Fails `InvalidInput`, `NoMarketData`, `Forbidden`. MU2 */
    readonly latest: (asked: Asked) => Effect.Effect<Newest, HeraldError>
    /** In the order of their time. Fails `InvalidInput`, `NoMarketData`, `Forbidden`. MU3 */
    readonly history: (asked: AskedBars) => Effect.Effect<Bars, HeraldError>
    /** By symbol and exchange. Fails `InvalidInput`, `Forbidden`. MU1 */
    readonly list: (asked: AskedList) => Effect.Effect<Listed, HeraldError>
  }
>()("herald/marketdata/MarketData") {
  static readonly layer = (options: MarketDataOptions) => Layer.effect(MarketData, make(options))
}

const noSuchMarketData = (symbol: string, exchange: string | undefined) =>
  failure("NoMarketData", `there is no market data of ${symbol}${exchange === undefined ? "" : ` on ${exchange}`}`)

const newestOf = ({ trades }: Latest, sessions: ReadonlyArray<Session>): LatestTrade | undefined =>
  trades
    .filter(({ session }) => sessions.includes(session))
    .reduce<LatestTrade | undefined>((a, b) => (a === undefined || compare(a, b) < 0 ? b : a), undefined)

/** Symbols of one page of a list. */
export const LIST_PAGE = 1_000

const make = Effect.fnUntraced(function* ({ staleMillis, topics: trust }: MarketDataOptions) {
  const store = yield* MarketStore
  const { rankOf } = coveredBy(trust)

  /** Topics that are meant, as far as the caller may read them. MU1 */
  const topicsFor = Effect.fnUntraced(function* (topic: string | undefined) {
    const identity = yield* requireTopic("topics.read", undefined)
    if (topic === undefined) return topicsOf(identity)
    if (!isTopicName(topic)) return yield* failure("InvalidInput", `topic: ${excerpt(topic)} is none`)
    return mayTopic(identity, "topics.read", topic) ? [topic] : []
  })

  /** Who tells of it, as far as the caller may know, and of whom the answer is. MU1, MU4 */
  const toldFor = Effect.fnUntraced(function* ({ symbol, exchange, topic }: Asked, bars: boolean) {
    const topics = yield* topicsFor(topic)
    if (!SYMBOL.test(symbol)) return yield* failure("InvalidInput", `${excerpt(symbol)} is no symbol`)
    if (exchange !== undefined && !EXCHANGE.test(exchange))
      return yield* failure("InvalidInput", `${excerpt(exchange)} is no exchange`)
    const tellings = yield* store.told({ symbol, topics, exchange, trust })
    if (tellings.length === 0) return yield* noSuchMarketData(symbol, exchange)
    const found = trusted(symbol, tellings, rankOf, { bars })
    if (found instanceof HeraldError) return yield* found
    return { ...found, topics: found.taken.map(({ topic }) => topic) }
  })

  const latest = Effect.fn("MarketData.latest")(function* (asked: Asked) {
    const { topics, exchanges, leftOut } = yield* toldFor(asked, false)
    const found: Latest = yield* store.latest({ symbol: asked.symbol, topics }, exchanges)
    const trade = newestOf(found, sessionsOf(asked.session))
    if (trade === undefined) return yield* noSuchMarketData(asked.symbol, asked.exchange)
    const now = yield* Clock.currentTimeMillis
    const market = sessionAt(venueOf(trade.exchange).calendar, now)
    const age = Math.max(0, now - millisOf(trade.tsEvent))
    const quote = found.quotes.find(({ exchange }) => exchange === trade.exchange)
    return { trade, quote, market, age, stale: market === "regular" && age > staleMillis, topics, leftOut }
  })

  const history = Effect.fn("MarketData.history")(function* (asked: AskedBars) {
    const { symbol, interval, limit, session, fill } = asked
    const { taken, topics, exchanges, leftOut, calendar } = yield* toldFor(asked, true)
    const now = yield* Clock.currentTimeMillis
    const sessions = sessionsOf(session)
    let end = asked.until ?? now
    if (asked.from === undefined && asked.until === undefined && fill === "none") {
      const last = newestOf(yield* store.latest({ symbol, topics }, exchanges), sessions)
      if (last !== undefined) end = millisOf(last.tsEvent) + WIDTH[interval]
    }
    const until = Math.min(end, now)
    const from = asked.from ?? until - limit * WIDTH[interval]
    if (asked.until !== undefined && from >= asked.until)
      return yield* failure("InvalidInput", "the end of the time is not behind its beginning")
    const query = { symbol, topics, exchanges, interval, sessions }
    const range = { from, until, limit: limit + 1 }
    let candles = candlesOf(calendar, interval, yield* store.bars(query, range))
    if (fill === "previous") {
      const rows = yield* store.before(query, {
        from: from - (interval === "1d" ? 30 * LOOK_BACK : LOOK_BACK),
        until: from
      })
      candles = filled(calendar, interval, candles, range, sessions, acrossAll(calendar, interval, rows))
    }
    // The feed is as far as its slowest part.
    const watermarks = taken.map(({ watermark }) => watermark)
    const watermark = watermarks.includes(undefined) ? undefined : Math.min(...watermarks.map((one) => millisOf(one!)))
    return {
      candles: candles
        .slice(0, limit)
        .map((candle) => ({ ...candle, final: isFinal(interval, candle.end, watermark) })),
      next: candles[limit]?.start,
      ...{ topics, leftOut }
    }
  })

  const list = Effect.fn("MarketData.list")(function* ({ topic, prefix, after, limit }: AskedList) {
    const topics = yield* topicsFor(topic)
    const found = yield* store.listed({ topics, prefix, after, limit: limit + 1 })
    const listed = found.slice(0, limit)
    return { listed, next: found.length > limit ? listed.at(-1) : undefined }
  })

  return MarketData.of({ latest, history, list })
})
