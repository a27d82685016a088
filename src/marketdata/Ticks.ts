/**
 * Reads the ticks of a partition of a topic, and knows which of them came before. Pure.
 *
 *   MJ2  An event that is no tick counts for nothing. A trade that has the venue's id, or where there is none its number, of one among the `REMEMBERED`
 *        events before it counts once: what counts is a function of the log, also after a restart, and when it is read once more.
 *   MJ4  Ticks of further than `AHEAD` after they came, and of longer ago than bars are kept, count for nothing.
 */
import { messagesOf } from "../topics/Frames.ts"
import type { Place } from "../topics/MessageId.ts"
import type { Segment } from "../topics/Piece.ts"
import type { PlacedTrade } from "./Gathering.ts"
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

  /** In the order of their offsets. False: it was there. */
  add(trade: PlacedTrade): boolean {
    const name = nameOf(trade)
    if (name === undefined) return true
    const { exchange, symbol, offset } = trade
    for (const [old, at] of this.#seen) {
      if (offset - at <= REMEMBERED) break
      this.#seen.delete(old)
    }
    const whole = `${exchange} ${symbol} ${name}`
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

/** The events of a segment, from an offset on and up to one. `wants`: what else needs not be read, by its payload. */
export const ticksOf = (
  { base, bytes, at: came }: Segment,
  { epoch, from, until = Number.POSITIVE_INFINITY }: { epoch: number; from: number; until?: number },
  { now, keepMillis }: Times,
  wants: (payload: Uint8Array) => boolean = () => true
) => {
  const ticks: Array<Placed> = []
  let [wrong, outOfTime] = [0, 0]
  const latest = Math.min(came, now) + AHEAD
  for (const [index, { payload }] of messagesOf(bytes).entries()) {
    const offset = base + index
    if (offset < from || offset >= until || !wants(payload)) continue
    const tick = readTick(payload)
    if (typeof tick === "string") {
      wrong++
      continue
    }
    const of = millisOf(tick.kind === "cancel" || tick.kind === "correction" ? tick.tsOriginal : tick.tsEvent)
    if (of > latest || of < now - keepMillis) outOfTime++
    else ticks.push({ ...tick, epoch, offset })
  }
  return { ticks, wrong, outOfTime, latest }
}
