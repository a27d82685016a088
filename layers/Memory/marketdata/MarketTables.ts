/** Bars and what is newest, of each partition, in a `State`. Pure state. */
import type { KeyedBar } from "../../../src/marketdata/Bar.ts"
import type { Cursor, LatestQuote, LatestTrade } from "../../../src/marketdata/MarketStore.ts"
import type { Instrument } from "../../../src/marketdata/Tick.ts"

/** What is of one partition of a topic; it is as far as `cursor`. */
export interface Feed {
  readonly name: string
  cursor: Cursor
  /** By "<exchange> <symbol>". */
  readonly instruments: Map<string, Instrument>
  /** By `idOf`. */
  readonly bars: Map<string, KeyedBar & { readonly revision: number }>
  /** By "<exchange> <symbol> <session>". */
  readonly trades: Map<string, LatestTrade>
  /** By "<exchange> <symbol>". */
  readonly quotes: Map<string, LatestQuote>
}

export class MarketTables {
  /** By `partitionKey`. */
  readonly feeds = new Map<string, Feed>()
}
