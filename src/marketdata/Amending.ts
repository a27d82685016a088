/**
 * Makes minutes anew of which a trade was cancelled or corrected.
 *
 *   MJ3  A trade that is cancelled or corrected makes its minute anew from the log of its partition, as if it had been right from the beginning, and what is
 *        made of minutes; and what is newest, where it was in that minute's session. One that isn't in the log of that partition, in the minute
 *        that is named, changes nothing. Where the log has no more of that minute, or a hole, or another history of the partition told of it, it stays as
 *        it was.
 *   MJ10 Where the newest of a session is taken back, the one before it is the newest, however long ago it was told: as the log has it, or where that has
 *        it no more by what the bars say, without its size.
 *   MJ6 in Amendments.ts, and of what is kept meanwhile, `TRADES`. What would need more is not done. MJ8 in Ticks.ts
 */
import { Clock, Effect } from "effect"
import { eventsIn } from "../topics/Frames.ts"
import { messageOf } from "../topics/Message.ts"
import { type Place, samePlace } from "../topics/MessageId.ts"
import type { PartitionId, Read } from "../topics/Piece.ts"
import type { Log } from "../topics/TopicLog.ts"
import { lookingSlices } from "../work/Slices.ts"
import { Again, type Amendment, minuteIn, newestKey } from "./Again.ts"
import { type Amendments, BYTES, PASSED, READ } from "./Amendments.ts"
import { type BarKey, idOf, type KeyedBar } from "./Bar.ts"
import { endOf, INTERVALS, startOf } from "./Calendar.ts"
import { ZERO } from "./Decimal.ts"
import { Gathering, type Newest, type PlacedTrade } from "./Gathering.ts"
import type { Closed, MarketStore } from "./MarketStore.ts"
import type { Projection } from "./Projection.ts"
import { readTick } from "./ReadTick.ts"
import { compare, millisOf } from "./Tick.ts"
import { AHEAD, type Times, ticksIn } from "./Ticks.ts"
import { venueOf } from "./Venue.ts"

/** Trades of the minutes that are made anew. MJ6 */
export const TRADES = 50_000
/** Bytes of one read. */
const BITE = 262_144
/** Symbols that are looked for in the bytes of an event before it is read. */
const LOOKED_FOR = 8
/** Trades that are looked up in the log by their places, of one amendment. MJ10 */
const LOOK_UPS = 32

export interface Amended extends Pick<Projection, "instead" | "again" | "newest" | "forgotten"> {
  /** How many amendments it was for. */
  readonly done: number
}

/** Whether an event may tell of one of these symbols: where JSON escapes something, any may. */
const tellsOf = (symbols: ReadonlySet<string>) => {
  if (symbols.size > LOOKED_FOR) return undefined
  const names = [...symbols].map((symbol) => Buffer.from(symbol))
  return (payload: Uint8Array): boolean => {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
    return bytes.includes(0x5c) || names.some((name) => bytes.includes(name))
  }
}

/** The minutes themselves. May be left between two trades. MJ8 */
function* minutesOf(again: Again, minutes: ReadonlyMap<string, BarKey>): Generator<void, ReadonlyArray<KeyedBar>> {
  const instead: Array<KeyedBar> = []
  for (const [id, key] of minutes) {
    const gathering = new Gathering()
    for (const trade of again.minutes.get(id)!.values()) {
      gathering.add(trade)
      yield
    }
    instead.push({ ...key, bar: gathering.minute(key) })
  }
  return instead
}

/** Bars of other intervals that those minutes belong to. */
const othersOf = (minutes: ReadonlyArray<BarKey>): Projection["again"] => {
  const others = minutes.flatMap((key) => {
    const { calendar } = venueOf(key.exchange)
    return INTERVALS.slice(1).map((interval) => {
      const start = startOf(calendar, interval, key.start)
      const one = { ...key, interval, start, end: endOf(calendar, interval, start) }
      return [idOf(one), one] as const
    })
  })
  return [...new Map(others).values()]
}

/** What is known of a trade by the bar that it closed. MJ10 */
const byBar = ({ exchange, symbol, mark }: Closed): PlacedTrade => ({
  ...{ kind: "trade", exchange, symbol, ...mark, size: ZERO },
  ...{ id: "", conditions: [], currency: "", tsRecv: 0n }
})

export interface AmendingOptions {
  readonly log: Pick<Log, "read" | "find" | "bounds">
  readonly store: Pick<typeof MarketStore.Service, "closes">
  readonly partition: PartitionId
  readonly amendments: Amendments
  readonly trades?: number
}

/** Whose events are looked at, and from where on the bars were made of them. */
export interface Told extends Times {
  readonly began: Place
}

export const makeAmending = ({ log, store, partition, amendments, trades: most = TRADES }: AmendingOptions) => {
  const { allowance, inTurn } = amendments

  /** False where some of it is there no more, or it is too much. */
  const look = function* (read: Read, from: number, until: number, again: Again, times: Times, symbols: Set<string>) {
    const wants = tellsOf(symbols)
    for (const piece of read.pieces) {
      if (piece.is === "gap" || !allowance.spend(piece.bytes.length / BYTES)) return false
      for (const [, seen] of ticksIn(piece, { epoch: read.epoch, from, until }, times, wants)) {
        if (!allowance.spend(seen === "not wanted" ? PASSED : READ)) return false
        if (typeof seen !== "string" && symbols.has(seen.symbol)) again.add(seen)
        if (again.trades > most) return false
        yield
      }
    }
    return true
  }

  /** Everything from a place to another one. False: as `look`. */
  const scan = Effect.fnUntraced(function* (
    { epoch, offset }: Place,
    until: number,
    again: Again,
    times: Times,
    symbols: Set<string>
  ) {
    for (let at = offset; at < until; ) {
      const read = yield* log.read(partition, { epoch, offset: at }, { maxBytes: BITE, packed: false })
      if (read === undefined || read.epoch !== epoch || read.next <= at) return false
      if (!(yield* lookingSlices.through(() => look(read, at, until, again, times, symbols)))) return false
      at = read.next
    }
    return true
  })

  /** The trade at a place, or as it was corrected there; undefined: it isn't there any more. */
  const tradeAt = Effect.fnUntraced(function* (closed: Closed) {
    const { epoch, offset, price } = closed.mark
    const read = yield* log.read(partition, { epoch, offset }, { maxBytes: 1, packed: false })
    const piece = read?.epoch === epoch ? read.pieces[0] : undefined
    if (piece?.is !== "segment" || piece.base > offset || !allowance.spend(piece.bytes.length / BYTES)) return undefined
    let at = piece.base
    for (const event of eventsIn(piece.bytes)) {
      if (at++ < offset) continue
      const tick = readTick(messageOf(event).payload)
      const told = typeof tick === "string" ? undefined : tick.kind === "correction" ? tick.trade : tick
      return told?.kind === "trade" && told.price === price ? { ...told, epoch, offset } : undefined
    }
    return undefined
  })

  /** MJ10 */
  const newestOf = Effect.fnUntraced(function* (again: Again, minutes: ReadonlyArray<BarKey>) {
    const first = new Map<string, BarKey>()
    for (const key of minutes)
      if (key.start < (first.get(newestKey(key))?.start ?? Number.POSITIVE_INFINITY)) first.set(newestKey(key), key)
    const newest = new Map<string, Newest>()
    const before: Array<BarKey> = []
    for (const [name, key] of first) {
      const trade = again.newestOf(name)
      if (trade !== undefined) newest.set(name, { session: key.session, trade })
      // What came late may be older than what the log was not read for.
      if (trade === undefined || millisOf(trade.tsEvent) < key.start) before.push(key)
    }
    let lookUps = LOOK_UPS
    for (const closed of before.length === 0 ? [] : yield* store.closes(partition, before)) {
      const found = newest.get(newestKey(closed))
      if (found !== undefined && compare(found.trade, closed.mark) >= 0) continue
      const trade = lookUps-- > 0 ? yield* tradeAt(closed) : undefined
      newest.set(newestKey(closed), { session: closed.session, trade: trade ?? byBar(closed) })
    }
    return { newest: [...newest.values()], forgotten: [...first.values()] }
  })

  /** What they change, in the log up to its end; undefined: nothing. MJ3 */
  const make = Effect.fnUntraced(function* (amended: ReadonlyArray<Amendment>, end: Place, { began, ...times }: Told) {
    if (allowance.at(yield* Clock.currentTimeMillis) <= 0) return undefined
    // A day of which minutes are gone can't be put together again.
    const kept = amended.filter((one) => {
      const { exchange, start } = minuteIn(one)
      return startOf(venueOf(exchange).calendar, "1d", start) >= times.now - times.keepMillis
    })
    if (kept.length === 0) return undefined
    const from = yield* log.find(partition, Math.min(...kept.map((one) => minuteIn(one).start)) - AHEAD)
    const bounds = (yield* log.bounds([partition.topic])).find((one) => one.partition === partition.partition)
    if (from === undefined || bounds === undefined || from.epoch !== end.epoch) return undefined
    // Where that is the oldest that is left, or with which this history of the partition began, there may have been more before.
    if (samePlace(from, { epoch: bounds.epoch, offset: bounds.first }) && !samePlace(from, began)) return undefined
    const again = new Again(kept)
    if (!(yield* scan(from, end.offset, again, times, new Set(kept.map(({ symbol }) => symbol))))) return undefined
    const done = kept.filter((one) => again.had(one))
    if (done.length === 0) return undefined
    const minutes = new Map(done.map((one) => [idOf(minuteIn(one)), minuteIn(one)] as const))
    const keys = [...minutes.values()]
    const instead = yield* lookingSlices.through(() => minutesOf(again, minutes))
    const made: Amended = { done: done.length, instead, again: othersOf(keys), ...(yield* newestOf(again, keys)) }
    return made
  })

  return {
    amend: (amended: ReadonlyArray<Amendment>, end: Place, told: Told) => inTurn(make(amended, end, told))
  }
}
