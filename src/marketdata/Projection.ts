/** What is made of events of one partition of a topic, to be written at once. Pure. */
import type { Place } from "../topics/MessageId.ts"
import type { PartitionId } from "../topics/Piece.ts"
import type { BarKey, KeyedBar } from "./Bar.ts"
import type { Session } from "./Calendar.ts"
import type { Newest, PlacedQuote } from "./Gathering.ts"
import type { Instrument } from "./Tick.ts"

export interface Projection {
  readonly partition: PartitionId
  /** The topic's name. */
  readonly name: string
  /** Where it begins: what is before is written. Undefined: nothing of the partition is. */
  readonly from: Place | undefined
  /** Behind the last event of it. */
  readonly to: Place
  /** The newest time of the feed, in nanoseconds; it never goes back. */
  readonly watermark: bigint
  /** Parts, which are put to what is there. */
  readonly bars: ReadonlyArray<KeyedBar>
  /** Minutes as they are now, in the place of what is there. None of them has a part in `bars`. */
  readonly instead: ReadonlyArray<KeyedBar>
  /** Bars of other intervals that those minutes belong to; `end` in milliseconds since 1970. They are put together again from minutes, and made where there are none yet. */
  readonly again: ReadonlyArray<BarKey & { readonly end: number }>
  /** Whatever was newest there counts no more, unless it is in `newest`, too; it is done before that. */
  readonly forgotten: ReadonlyArray<Instrument & { readonly session: Session }>
  readonly newest: ReadonlyArray<Newest>
  readonly quotes: ReadonlyArray<PlacedQuote>
}

export const NOTHING: Pick<Projection, "bars" | "instead" | "again" | "forgotten" | "newest" | "quotes"> = {
  ...{ bars: [], instead: [], again: [], forgotten: [], newest: [], quotes: [] }
}
