/** Bars and what is newest, in a `State`. Pure state. */
import type { KeyedBar } from "../../../src/marketdata/Bar.ts"
import type { Cursor, LatestQuote, LatestTrade } from "../../../src/marketdata/MarketStore.ts"
import type { Instrument } from "../../../src/marketdata/Tick.ts"
import type { PartitionId } from "../../../src/topics/Piece.ts"

export class MarketTables {
  /** By `partitionKey`. */
  readonly cursors = new Map<string, Cursor & { readonly name: string }>()
  /** By "<exchange> <symbol>"; where it was heard of last. */
  readonly instruments = new Map<string, Instrument & { readonly partition: PartitionId }>()
  /** By `idOf`. */
  readonly bars = new Map<string, KeyedBar & { readonly revision: number }>()
  /** By "<exchange> <symbol> <session>". */
  readonly trades = new Map<string, LatestTrade>()
  /** By "<exchange> <symbol>". */
  readonly quotes = new Map<string, LatestQuote>()
}
