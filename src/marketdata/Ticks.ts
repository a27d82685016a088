/**
 * Reads the ticks of a partition of a topic, and knows which of them came before. Pure.
 *
 *   MJ2  An event that is no tick counts for nothing. A trade that has the venue's id, or where there is none its number, of one of the same minute among the
 *        `REMEMBERED` events before it counts once: what counts is a function of the log, also after a restart, and when it is read once more from before
 *        that minute. Venues begin anew with their numbers.
 *   MJ8  Whoever looks at events leaves others a turn between two of them: however much one read is, and whatever is done with it. `lookingSlices` says when.
 *   MJ4  Ticks of further than `AHEAD` after they came, and of longer ago than bars are kept, count for nothing.
 */
import { eventsIn } from "../topics/Frames.ts"
import { messageOf } from "../topics/Message.ts"
import type { Place } from "../topics/MessageId.ts"
import type { Segment } from "../topics/Piece.ts"
import { idOf } from "./Bar.ts"
import { minuteOf, type PlacedTrade } from "./Gathering.ts"
import { readTick } from "./ReadTick.ts"
import { millisOf, type Tick } from "./Tick.ts"

/** Events in which a trade is found that came before. MJ2 */
export const REMEMBERED = 10_000
/** Milliseconds. MJ4 */
export const AHEAD = 60_000

export type Placed = Tick & Place

/** By what the venue tells a trade from others of its instrument; undefined: by nothing. */
export const nameOf = ({ id, sequence }: Pick<PlacedTrade, "id" | "sequence">): string | undefined =>
  id !== "" ? id : sequence === 0n ? undefined : ` ${sequence}`

/** The trades of the newest events of one epoch of a partition. MJ2 */
export class Window {
  /** Where each came last, oldest first. */
  readonly #seen = new Map<string, number>()
  readonly #among: number

  /** `among`: events in which one is found that came before. */
  constructor(among: number) {
    this.#among = among
  }

  /** In the order of their offsets. False: it was there. */
  add(trade: PlacedTrade): boolean {
    const name = nameOf(trade)
    if (name === undefined) return true
    const { offset } = trade
    for (const [old, at] of this.#seen) {
      if (offset - at <= this.#among) break
      this.#seen.delete(old)
    }
    const whole = `${idOf(minuteOf(trade))} ${name}`
    const isNew = !this.#seen.delete(whole)
    this.#seen.set(whole, offset)
    return isNew
  }
}

/** Which times count. MJ4 */
export interface Times {
  /** Milliseconds since 1970. */
  readonly now: number
  /** Milliseconds that bars are kept. */
  readonly keepMillis: number
}

/** What an event came to. */
export type Seen = Placed | "wrong" | "out of time" | "not wanted"

/** Which events of a segment are read. */
export interface Range {
  readonly epoch: number
  /** An offset: those before it are left out. */
  readonly from: number
  /** The offset behind the last. */
  readonly until?: number
}

/** The newest time that counts of what came then, in milliseconds since 1970. MJ4 */
export const newestOf = ({ at: came }: Segment, { now }: Times): number => Math.min(came, now) + AHEAD

/** What each event of a segment came to, one after the other, with its offset. `wants`: what is not wanted isn't read, by its payload. MJ8 */
export function* ticksIn(
  segment: Segment,
  { epoch, from, until = Number.POSITIVE_INFINITY }: Range,
  times: Times,
  wants: (payload: Uint8Array) => boolean = () => true
): Generator<readonly [offset: number, seen: Seen], void> {
  const latest = newestOf(segment, times)
  let offset = segment.base - 1
  for (const event of eventsIn(segment.bytes)) {
    if (++offset < from) continue
    if (offset >= until) return
    yield [offset, seenOf(messageOf(event).payload)]
  }

  function seenOf(payload: Uint8Array): Seen {
    if (!wants(payload)) return "not wanted"
    const tick = readTick(payload)
    if (typeof tick === "string") return "wrong"
    const of = millisOf(tick.kind === "cancel" || tick.kind === "correction" ? tick.tsOriginal : tick.tsEvent)
    return of > latest || of < times.now - times.keepMillis ? "out of time" : { ...tick, epoch, offset }
  }
}
