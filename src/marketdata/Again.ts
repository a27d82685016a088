/**
 * What the log of a partition says of minutes that are made anew, read from before them to its end. Pure.
 *
 *   MJ9  Of what is newest of each instrument and session a few are kept, as the newest may be taken back itself.
 *   MJ3 in Amending.ts
 */
import type { Place } from "../topics/MessageId.ts"
import { idOf } from "./Bar.ts"
import { countsOf } from "./Conditions.ts"
import { minuteOf, type PlacedTrade } from "./Gathering.ts"
import { type Cancel, type Correction, compare } from "./Tick.ts"
import { nameOf, type Placed, Window } from "./Ticks.ts"
import { venueOf } from "./Venue.ts"

export type Amendment = Cancel | Correction

/** Of each instrument and session. MJ9 */
const NEWEST = 16

/** The minute of the trade that it is about. */
export const minuteIn = (one: Amendment) => minuteOf({ ...one, tsEvent: one.tsOriginal })

/** By what the newest of an instrument in a session is found. */
export const newestKey = ({
  exchange,
  symbol,
  session
}: Pick<ReturnType<typeof minuteOf>, "exchange" | "symbol" | "session">) => `${exchange} ${symbol} ${session}`

/** Mutable. */
export class Again {
  /** The trades of each minute as they are right, by their names. */
  readonly minutes = new Map<string, Map<string, PlacedTrade>>()
  /** `<minute> <name>` of every trade that was in one of them. */
  readonly #were = new Set<string>()
  /** Newest first. MJ9 */
  readonly #newest = new Map<string, Array<PlacedTrade>>()
  readonly #window = new Window()
  trades = 0

  constructor(amended: ReadonlyArray<Amendment>) {
    for (const one of amended) this.minutes.set(idOf(minuteIn(one)), new Map())
  }

  add(tick: Placed): void {
    if (tick.kind === "trade") this.#trade(tick)
    else if (tick.kind !== "quote") this.#amendment(tick)
  }

  #amendment(tick: Amendment & Place): void {
    const { id, epoch, offset } = tick
    const minute = idOf(minuteIn(tick))
    const trades = this.minutes.get(minute)
    const right = tick.kind === "cancel" ? undefined : { ...tick.trade, epoch, offset }
    if (trades?.has(id))
      if (right === undefined) trades.delete(id)
      else trades.set(id, right)
    const session = newestKey(minuteIn(tick))
    const newest = this.#newest.get(session) ?? []
    const was = newest.filter((one) => one.id === id && idOf(minuteOf(one)) === minute)
    if (was.length === 0) return
    this.#newest.set(
      session,
      newest.filter((one) => !was.includes(one))
    )
    if (right !== undefined) this.#newer(right)
  }

  #trade(trade: PlacedTrade): void {
    if (!this.#window.add(trade)) return
    const minute = idOf(minuteOf(trade))
    const trades = this.minutes.get(minute)
    if (trades !== undefined) {
      const name = nameOf(trade)
      trades.set(name ?? ` at ${trade.offset}`, trade)
      if (name !== undefined) this.#were.add(`${minute} ${name}`)
      this.trades++
    }
    this.#newer(trade)
  }

  #newer(trade: PlacedTrade): void {
    const key = minuteOf(trade)
    if (!countsOf(venueOf(trade.exchange).rules, trade.conditions, key.session).last) return
    const of = newestKey(key)
    const newest = this.#newest.get(of) ?? []
    if (newest.length === NEWEST && compare(newest[NEWEST - 1]!, trade) > 0) return
    this.#newest.set(of, [...newest, trade].sort((a, b) => compare(b, a)).slice(0, NEWEST))
  }

  /** Whether the trade was ever in the minute. */
  had(one: Amendment): boolean {
    return this.#were.has(`${idOf(minuteIn(one))} ${one.id}`)
  }

  newestOf(session: string): PlacedTrade | undefined {
    return this.#newest.get(session)?.[0]
  }
}
