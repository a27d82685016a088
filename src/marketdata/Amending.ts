/**
 * Makes minutes anew of which a trade was cancelled or corrected.
 *
 *   MJ3  A trade that is cancelled or corrected makes its minute anew from the log of its partition, as if it had been right from the beginning, and what is
 *        made of minutes; and what is newest, where it was in that minute's session. One that isn't in the log of that partition, in the minute
 *        that is named, changes nothing. Where the log has no more of that minute, or a hole, it stays as it was.
 *   MJ6  What is read again is bounded: `AMENDING_BYTES` at first, and afterwards `AMENDING_RATE` times as many bytes as are read for the first time;
 *        of what is kept meanwhile, `TRADES`; and one partition of a node does it at a time. What would need more is not done.
 */
import { Effect } from "effect"
import { type Place, samePlace } from "../topics/MessageId.ts"
import type { PartitionId } from "../topics/Piece.ts"
import type { Log } from "../topics/TopicLog.ts"
import { idOf, type KeyedBar } from "./Bar.ts"
import { endOf, INTERVALS, startOf } from "./Calendar.ts"
import { countsOf } from "./Conditions.ts"
import { Gathering, minuteOf, type PlacedTrade } from "./Gathering.ts"
import type { Projection } from "./Projection.ts"
import { type Cancel, type Correction, compare } from "./Tick.ts"
import { AHEAD, nameOf, type Placed, type Times, ticksOf, Window } from "./Ticks.ts"
import { venueOf } from "./Venue.ts"

/** Bytes of events. MJ6 */
export const AMENDING_BYTES = 268_435_456
export const AMENDING_RATE = 16
/** Trades of the minutes that are made anew. MJ6 */
export const TRADES = 100_000
/** Of each instrument and session, the newest trades that are kept: some of them may be cancelled. */
const NEWEST = 16
/** Bytes of one read. */
const BITE = 262_144
/** Symbols that are looked for in the bytes of an event before it is read. */
const LOOKED_FOR = 8

type Amendment = Cancel | Correction

export interface Amended extends Pick<Projection, "instead" | "again" | "newest" | "forgotten"> {
  /** How many amendments it was for. */
  readonly done: number
}

const minuteIn = (one: Amendment) => minuteOf({ ...one, tsEvent: one.tsOriginal })

/** Whether an event may tell of one of these symbols: where JSON escapes something, any may. */
const tellsOf = (symbols: ReadonlySet<string>) => {
  if (symbols.size > LOOKED_FOR) return undefined
  const names = [...symbols].map((symbol) => Buffer.from(symbol))
  return (payload: Uint8Array): boolean => {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
    return bytes.includes(0x5c) || names.some((name) => bytes.includes(name))
  }
}

/** What the log says of minutes, read from before them to its end. Mutable. */
class Again {
  /** The trades of each minute as they are right, by their names. */
  readonly minutes = new Map<string, Map<string, PlacedTrade>>()
  /** `<minute> <name>` of every trade that was in one of them. */
  readonly #were = new Set<string>()
  /** Newest first. */
  readonly #newest = new Map<string, Array<PlacedTrade>>()
  readonly #window = new Window()
  trades = 0

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

const newestKey = ({ exchange, symbol, session }: ReturnType<typeof minuteOf>) => `${exchange} ${symbol} ${session}`

/** What is written for these, which were in the log. */
const madeOf = (again: Again, done: ReadonlyArray<Amendment>): Amended => {
  const minutes = new Map(done.map((one) => [idOf(minuteIn(one)), minuteIn(one)] as const))
  const instead = [...minutes].map(([id, key]): KeyedBar => {
    const gathering = new Gathering()
    for (const trade of again.minutes.get(id)!.values()) gathering.add(trade)
    return { ...key, bar: gathering.minute(key) }
  })
  const others = new Map(
    [...minutes.values()].flatMap((key) => {
      const { calendar } = venueOf(key.exchange)
      return INTERVALS.slice(1).map((interval) => {
        const start = startOf(calendar, interval, key.start)
        const one = { ...key, interval, start, end: endOf(calendar, interval, start) }
        return [idOf(one), one] as const
      })
    })
  )
  // What was newest may be what never was.
  const forgotten = new Map([...minutes.values()].map((key) => [newestKey(key), key] as const))
  const newest = [...forgotten].flatMap(([name, { session }]) => {
    const trade = again.newestOf(name)
    return trade === undefined ? [] : [{ session, trade }]
  })
  return { done: done.length, instead, again: [...others.values()], newest, forgotten: [...forgotten.values()] }
}

/** `most`: bytes as in MJ6. */
export const makeAmending = (log: Pick<Log, "read" | "find" | "bounds">, partition: PartitionId, most: number) => {
  /** Bytes that may be read. MJ6 */
  let left = most

  /** That so many bytes were read for the first time. */
  const earned = (bytes: number): void => {
    left = Math.min(most, left + AMENDING_RATE * bytes)
  }

  /** Everything from a place to another one; false where some of it is there no more, or it is too much. */
  const scan = Effect.fnUntraced(function* (
    { epoch, offset }: Place,
    until: number,
    again: Again,
    times: Times,
    symbols: ReadonlySet<string>
  ) {
    const wants = tellsOf(symbols)
    for (let at = offset; at < until; ) {
      const read = yield* log.read(partition, { epoch, offset: at }, { maxBytes: BITE, packed: false })
      if (read === undefined || read.epoch !== epoch || read.next <= at) return false
      for (const piece of read.pieces) {
        if (piece.is === "gap") return false
        left -= piece.bytes.length
        for (const tick of ticksOf(piece, { epoch, from: at, until }, times, wants).ticks)
          if (symbols.has(tick.symbol)) again.add(tick)
      }
      if (left < 0 || again.trades > TRADES) return false
      at = read.next
    }
    return true
  })

  /** What they change, in the log up to its end; undefined: nothing. MJ3 */
  const amend = Effect.fnUntraced(function* (amended: ReadonlyArray<Amendment>, end: Place, times: Times) {
    if (left <= 0) return undefined
    // A day of which minutes are gone can't be put together again.
    const kept = amended.filter((one) => {
      const { exchange, start } = minuteIn(one)
      return startOf(venueOf(exchange).calendar, "1d", start) >= times.now - times.keepMillis
    })
    if (kept.length === 0) return undefined
    const again = new Again()
    for (const one of kept) again.minutes.set(idOf(minuteIn(one)), new Map())
    const first = Math.min(...kept.map((one) => minuteIn(one).start))
    const from = yield* log.find(partition, first - AHEAD)
    const bounds = (yield* log.bounds([partition.topic])).find((one) => one.partition === partition.partition)
    if (from === undefined || bounds === undefined || from.epoch !== end.epoch) return undefined
    // Where that is the oldest that is left, there may have been more.
    if (bounds.first > 0 && samePlace(from, { epoch: bounds.epoch, offset: bounds.first })) return undefined
    if (!(yield* scan(from, end.offset, again, times, new Set(kept.map(({ symbol }) => symbol))))) return undefined
    const done = kept.filter((one) => again.had(one))
    return done.length === 0 ? undefined : madeOf(again, done)
  })

  return { amend, earned }
}
