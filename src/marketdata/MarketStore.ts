/**
 * Port: bars and what is newest of market data. Fails `DatabaseUnavailable`, `DatabaseReadOnly` or `Timeout`.
 *
 *   MX1  What is made of events is written in the transaction that says how far they are written, and only where it follows what is: read again, by
 *        whichever node, they count once. (held by test/contracts/MarketStores.ts)
 *   MX2  Bars are as `merge` says, and what is newest as `compare` does, whatever came first. (held by test/contracts/MarketStores.ts)
 *   MX3  There are at most `INSTRUMENTS`, and at most `SHARE` of one topic; of further ones nothing is kept, and it is said how many those were. (held by
 *        test/contracts/MarketFeeds.ts)
 *   MX4  What was made of a topic that was deleted goes, and how far it was; so does an instrument of which nothing is left, had it trades or quotes only.
 *        (held by test/contracts/MarketSweeps.ts)
 *   MX5  What one partition told is changed by nothing that another one tells. It is put together when it is read, of the topics that are asked for and of
 *        no other. (held by test/contracts/MarketFeeds.ts)
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Lease } from "../leases/Leases.ts"
import type { Place } from "../topics/MessageId.ts"
import type { PartitionId } from "../topics/Piece.ts"
import type { Mark } from "./Bar.ts"
import type { Interval, Session } from "./Calendar.ts"
import type { Decimal } from "./Decimal.ts"
import type { Projection } from "./Projection.ts"
import type { StoredBar } from "./Series.ts"
import type { Instrument, Order, Side } from "./Tick.ts"
import { type Telling, TOPICS } from "./Trust.ts"

/** Symbols of exchanges, of each partition that tells of them. MX3 */
export const INSTRUMENTS = 200_000
/** Of those, of one topic. MX3 */
export const SHARE = 50_000
/** Bars of one answer. */
export const MOST_BARS = 10_000
/** Topics that tell of one symbol: of so many it is known that they are too many. */
export const TELLING = TOPICS + 1

export type Written =
  /** `left`: instruments that there was no room for. MX3 */
  | { readonly is: "written"; readonly left: number }
  /** Nothing was: another writer is elsewhere. Undefined: it was not begun. */
  | { readonly is: "moved"; readonly at: Place | undefined }

export interface Cursor extends Place {
  readonly partition: PartitionId
  /** Nanoseconds. */
  readonly watermark: bigint
  /** Where it was begun: bars have nothing of before. */
  readonly began: Place
}

/** A trade that closed a minute. */
export interface Closed extends Instrument {
  readonly session: Session
  readonly mark: Mark
}

export interface LatestTrade extends Instrument, Order {
  readonly session: Session
  readonly price: bigint
  readonly tsRecv: bigint
  readonly size: Decimal
  readonly currency: string
  /** The venue's; "": it gave none. */
  readonly id: string
  readonly conditions: ReadonlyArray<string>
}

export interface LatestQuote extends Instrument, Order {
  readonly tsRecv: bigint
  readonly currency: string
  readonly bid: Side | undefined
  readonly ask: Side | undefined
}

export interface Latest {
  /** One for each exchange and session that has any. */
  readonly trades: ReadonlyArray<LatestTrade>
  readonly quotes: ReadonlyArray<LatestQuote>
}

/** A symbol, of topics that these patterns cover: names, names with /* for all below them, or * for all. MX5 */
export interface Visible {
  readonly symbol: string
  readonly topics: ReadonlyArray<string>
}

export interface BarQuery extends Visible {
  readonly exchanges: ReadonlyArray<string>
  readonly interval: Interval
  readonly sessions: ReadonlyArray<Session>
}

/** What is listed, by symbol and exchange. */
export interface ListedQuery {
  readonly topics: ReadonlyArray<string>
  /** What the symbols begin with. */
  readonly prefix: string
  /** Behind which it goes on. */
  readonly after: Instrument | undefined
  readonly limit: number
}

export interface KeepMarket {
  /** Bars of minutes and hours. */
  readonly keepMillis: number
  readonly keepDaysMillis: number
}

export interface SweptMarket {
  readonly days: number
  readonly instruments: number
  readonly more: boolean
}

export class MarketStore extends Context.Service<
  MarketStore,
  {
    /** MX1 */
    readonly write: (projection: Projection) => Effect.Effect<Written, HeraldError>
    readonly cursor: (partition: PartitionId) => Effect.Effect<Cursor | undefined, HeraldError>
    /** Of each that has any, what closed the last minute of that session that is none of those (their starts), as the partition told it. */
    readonly closes: (
      partition: PartitionId,
      of: ReadonlyArray<Instrument & { readonly session: Session; readonly but: ReadonlyArray<number> }>
    ) => Effect.Effect<ReadonlyArray<Closed>, HeraldError>
    /**
     * Who tells of a symbol, on all exchanges or the one that is named: the topics first that the first patterns of `trust` cover, and among them by
     * their names, whoever told of it first; at most `TELLING`. MU4
     */
    readonly told: (
      of: Visible & { readonly exchange: string | undefined; readonly trust: ReadonlyArray<string> }
    ) => Effect.Effect<ReadonlyArray<Telling>, HeraldError>
    /** Those of these symbols of which one of these topics (their names) has told; undefined: of one of the topics nothing is known. */
    readonly heard: (
      symbols: ReadonlyArray<string>,
      topics: ReadonlyArray<string>
    ) => Effect.Effect<ReadonlyArray<string> | undefined, HeraldError>
    /** Of each exchange and session the newest of all partitions. */
    readonly latest: (of: Visible, exchanges: ReadonlyArray<string>) => Effect.Effect<Latest, HeraldError>
    readonly listed: (query: ListedQuery) => Effect.Effect<ReadonlyArray<Instrument>, HeraldError>
    /**
     * By start: all of the first `limit` different starts at which one is not empty, from and including `from`, until and excluding `until`; milliseconds.
     * Of other starts between them there may be empty ones.
     */
    readonly bars: (
      query: BarQuery,
      range: { readonly from: number; readonly until: number; readonly limit: number }
    ) => Effect.Effect<ReadonlyArray<StoredBar>, HeraldError>
    /** Those of the last start before that moment, and not before `from`, at which one has a price. */
    readonly before: (
      query: BarQuery,
      range: { readonly from: number; readonly until: number }
    ) => Effect.Effect<ReadonlyArray<StoredBar>, HeraldError>
    /** One bounded step, for the holder of the lease, which it extends; undefined when the lease was taken. LE1 */
    readonly sweep: (
      lease: Lease,
      leaseMillis: number,
      keep: KeepMarket
    ) => Effect.Effect<SweptMarket | undefined, HeraldError>
    /** Gives back the room of ranges that ended before that moment, in milliseconds since 1970. Returns how many, and how many are still in use. */
    readonly drop: (before: number) => Effect.Effect<{ readonly dropped: number; readonly left: number }, HeraldError>
  }
>()("herald/marketdata/MarketStore") {}
