/**
 * What venues tell: trades, quotes, and what becomes of a trade afterwards. Times are nanoseconds since 1970; `tsEvent` is the venue's clock,
 * `tsRecv` that of whoever wrote it down. Pure.
 *
 *   MH1  What belongs into which bar, and what is newest, is decided by the venue's time and number, never by when it came.
 */
import type { Place } from "../topics/MessageId.ts"
import type { Decimal } from "./Decimal.ts"

/** What is traded, and where. */
export interface Instrument {
  readonly exchange: string
  readonly symbol: string
}

interface Told extends Instrument {
  readonly tsEvent: bigint
  /** 0: not known. */
  readonly tsRecv: bigint
  /** Of the venue, growing; 0: it gives none. */
  readonly sequence: bigint
  /** "": not said. */
  readonly currency: string
}

export interface Trade extends Told {
  readonly kind: "trade"
  /** Of the venue; "": it gives none. */
  readonly id: string
  /** In units of 1e-9. */
  readonly price: bigint
  readonly size: Decimal
  /** As the venue codes them. */
  readonly conditions: ReadonlyArray<string>
}

/** One side of a quote; in units of 1e-9. */
export interface Side {
  readonly price: bigint
  readonly size: Decimal
}

export interface Quote extends Told {
  readonly kind: "quote"
  /** Undefined: nobody bids. */
  readonly bid: Side | undefined
  readonly ask: Side | undefined
}

/** The trade of that id never was. */
export interface Cancel extends Told {
  readonly kind: "cancel"
  readonly id: string
  /** `tsEvent` of the trade. */
  readonly tsOriginal: bigint
}

/** The trade of that id was another one. */
export interface Correction extends Told {
  readonly kind: "correction"
  readonly id: string
  readonly tsOriginal: bigint
  readonly trade: Trade
}

export type Tick = Trade | Quote | Cancel | Correction

/**
 * The order of trades of an instrument. Their place in the topic tells two of one moment apart that the venue doesn't: (epoch, offset) as one value.
 */
export interface Order extends Place {
  readonly tsEvent: bigint
  readonly sequence: bigint
}

/** Below 0: `a` was before `b`. MH1 */
export const compare = (a: Order, b: Order): number => {
  if (a.tsEvent !== b.tsEvent) return a.tsEvent < b.tsEvent ? -1 : 1
  if (a.sequence !== b.sequence) return a.sequence < b.sequence ? -1 : 1
  if (a.epoch !== b.epoch) return a.epoch - b.epoch
  return a.offset - b.offset
}

/** Of nanoseconds. */
export const millisOf = (nanos: bigint): number => Number(nanos / 1_000_000n)
