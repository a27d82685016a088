/**
 * What the log of a partition says of minutes that are made anew, read from before them to its end. Pure.
 *
 *   MJ3 in Amending.ts
 */
import type { Place } from "../topics/MessageId.ts"
import { idOf, type KeyedBar, type Mark } from "./Bar.ts"
import { countsOf } from "./Conditions.ts"
import { Gathering, minuteOf, type Newest, type PlacedTrade } from "./Gathering.ts"
import { type Cancel, type Correction, compare } from "./Tick.ts"
import { nameOf, type Placed, Window } from "./Ticks.ts"
import { venueOf } from "./Venue.ts"

export type Amendment = Cancel | Correction

/** The minute of the trade that it is about. */
export const minuteIn = (one: Amendment) => minuteOf({ ...one, tsEvent: one.tsOriginal })

/** By what the newest of an instrument in a session is found. */
export const sessionKey = ({
  exchange,
  symbol,
  session
}: Pick<ReturnType<typeof minuteOf>, "exchange" | "symbol" | "session">) => `${exchange} ${symbol} ${session}`

/** What is made of it. */
export interface Remade {
  /** Of these amendments, those whose trades were in their minutes. */
  readonly done: number
  /** The minutes of those, as they are right. */
  readonly minutes: ReadonlyArray<KeyedBar>
  /** Of those minutes, by `sessionKey`. */
  readonly newest: ReadonlyMap<string, Newest>
  /** The newest that was told of each session, whatever became of it. */
  readonly told: ReadonlyMap<string, PlacedTrade>
}

/** Mutable. */
export class Again {
  readonly #amended: ReadonlyArray<Amendment>
  /** The trades of each minute as they are right, by their names: what was told again long afterwards counts again. */
  readonly #minutes = new Map<string, Map<string, ReadonlyArray<PlacedTrade>>>()
  /** `<minute> <name>` of every trade that was in one of them. */
  readonly #were = new Set<string>()
  readonly #told = new Map<string, PlacedTrade>()
  readonly #window: Window
  trades = 0

  /** `among`: as of a `Window`. */
  constructor(amended: ReadonlyArray<Amendment>, among: number) {
    this.#amended = amended
    this.#window = new Window(among)
    for (const one of amended) this.#minutes.set(idOf(minuteIn(one)), new Map())
  }

  add(tick: Placed): void {
    if (tick.kind === "trade") this.#trade(tick)
    else if (tick.kind !== "quote") this.#amendment(tick)
  }

  #amendment(tick: Amendment & Place): void {
    const { id, epoch, offset } = tick
    const trades = this.#minutes.get(idOf(minuteIn(tick)))
    if (trades?.has(id) !== true) return
    if (tick.kind === "cancel") trades.delete(id)
    else {
      const right = { ...tick.trade, epoch, offset }
      trades.set(id, [right])
      this.#newer(right)
    }
  }

  #trade(trade: PlacedTrade): void {
    if (!this.#window.add(trade)) return
    const minute = idOf(minuteOf(trade))
    const trades = this.#minutes.get(minute)
    if (trades !== undefined) {
      const name = nameOf(trade) ?? ` at ${trade.offset}`
      trades.set(name, [...(trades.get(name) ?? []), trade])
      this.#were.add(`${minute} ${name}`)
      this.trades++
    }
    this.#newer(trade)
  }

  #newer(trade: PlacedTrade): void {
    const { session } = minuteOf(trade)
    if (!countsOf(venueOf(trade.exchange).rules, trade.conditions, session).last) return
    const key = sessionKey({ ...trade, session })
    const found = this.#told.get(key)
    if (found === undefined || compare(found, trade) < 0) this.#told.set(key, trade)
  }

  /** May be left between two trades. MJ8 */
  *remade(): Generator<void, Remade> {
    const done = this.#amended.filter((one) => this.#were.has(`${idOf(minuteIn(one))} ${one.id}`))
    const keys = new Map(done.map((one) => [idOf(minuteIn(one)), minuteIn(one)]))
    const gathering = new Gathering()
    for (const id of keys.keys())
      for (const trade of [...this.#minutes.get(id)!.values()].flat()) {
        gathering.add(trade)
        yield
      }
    return {
      done: done.length,
      minutes: [...keys.values()].map((key) => ({ ...key, bar: gathering.minute(key) })),
      newest: new Map(
        gathering.newest().map((one) => [sessionKey({ ...one.trade, session: one.session }), one] as const)
      ),
      told: this.#told
    }
  }
}

/** The trade of that mark, where it is among these. */
export const markedIn = (
  all: ReadonlyArray<PlacedTrade | undefined>,
  { epoch, offset, price }: Mark
): PlacedTrade | undefined => all.find((one) => one?.epoch === epoch && one.offset === offset && one.price === price)
