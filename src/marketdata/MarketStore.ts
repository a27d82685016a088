/**
 * Port: bars and what is newest of market data. Fails `DatabaseUnavailable`, `DatabaseReadOnly` or `Timeout`.
 *
 *   MX1  What is made of events is written in the transaction that says how far they are written, and only where it follows what is: read again, by
 *        whichever node, they count once. (held by test/contracts/MarketStores.ts)
 *   MX2  Bars are as `merge` says, and what is newest as `compare` does, whatever came first. (held by test/contracts/MarketStores.ts)
 *   MX3  There are at most `INSTRUMENTS`; of further ones nothing is kept, and it is said how many those were. (held by test/contracts/MarketStores.ts)
 *   MX4  How far a topic was that was deleted is forgotten once nothing is told by its name. (held by test/contracts/MarketStores.ts)
 */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Lease } from "../leases/Leases.ts"
import type { Place } from "../topics/MessageId.ts"
import type { PartitionId } from "../topics/Piece.ts"
import type { Interval, Session } from "./Calendar.ts"
import type { Decimal } from "./Decimal.ts"
import type { Projection } from "./Projection.ts"
import type { StoredBar } from "./Series.ts"
import type { Instrument, Order, Side } from "./Tick.ts"

/** Symbols of exchanges. MX3 */
export const INSTRUMENTS = 200_000
/** Bars of one answer. */
export const MOST_BARS = 10_000
/** Exchanges of one symbol that are looked at. */
export const EXCHANGES = 32

export type Written =
  /** `left`: instruments that there was no room for. MX3 */
  | { readonly is: "written"; readonly left: number }
  /** Nothing was: another writer is elsewhere. Undefined: it was not begun. */
  | { readonly is: "moved"; readonly at: Place | undefined }

export interface Cursor extends Place {
  readonly partition: PartitionId
  /** Nanoseconds. */
  readonly watermark: bigint
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

/** Where a symbol is traded, and how fresh that is. */
export interface Traded {
  readonly exchange: string
  /** The topic that it was heard of in last. */
  readonly topic: string
  /** Nanoseconds; undefined: not known. */
  readonly watermark: bigint | undefined
}

export interface BarQuery {
  readonly symbol: string
  readonly exchanges: ReadonlyArray<string>
  readonly interval: Interval
  readonly sessions: ReadonlyArray<Session>
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
    /** Exchanges of a symbol, by name, at most `EXCHANGES`. */
    readonly traded: (symbol: string) => Effect.Effect<ReadonlyArray<Traded>, HeraldError>
    readonly latest: (symbol: string, exchanges: ReadonlyArray<string>) => Effect.Effect<Latest, HeraldError>
    /** By start: all of the first `limit` different starts, from and including `from`, until and excluding `until`; milliseconds. */
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
