/**
 * Makes minutes anew of which a trade was cancelled or corrected.
 *
 *   MJ3  A trade that is cancelled or corrected makes its minute anew from the log of its partition, as if it had been right from the beginning, and what is
 *        made of minutes; and what is newest, where it was in that minute's session. One that isn't in the log of that partition, in the minute
 *        that is named, changes nothing. Where the log has no more of that minute, or a hole, or another history of the partition told of it, it stays as
 *        it was, and so does no other minute for its sake: what comes of an amendment is the same, whichever others are made at once with it.
 *   MJ10 What is newest of a session is what closes its last minute that anything closes. Where that was taken back, it is the one before it, however long
 *        ago it was told: as the log has it, or where that has it no more by what the bars say, without its size.
 *   MJ6 in Amendments.ts, and of what is kept meanwhile, `TRADES`. What would need more is not done. MJ8 in Ticks.ts
 */
import { Clock, Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { eventsIn } from "../topics/Frames.ts"
import { messageOf } from "../topics/Message.ts"
import { type Place, samePlace } from "../topics/MessageId.ts"
import type { PartitionId, Read } from "../topics/Piece.ts"
import type { Log } from "../topics/TopicLog.ts"
import { lookingSlices } from "../work/Slices.ts"
import { Again, type Amendment, markedIn, minuteIn, type Remade, sessionKey } from "./Again.ts"
import { type Amendments, BYTES, PASSED, READ } from "./Amendments.ts"
import { type BarKey, idOf, type KeyedBar, type Mark } from "./Bar.ts"
import { endOf, INTERVALS, startOf } from "./Calendar.ts"
import { ZERO } from "./Decimal.ts"
import type { Newest, PlacedTrade } from "./Gathering.ts"
import type { Closed, MarketStore } from "./MarketStore.ts"
import type { Projection } from "./Projection.ts"
import { readTick } from "./ReadTick.ts"
import { compare } from "./Tick.ts"
import { AHEAD, type Times, ticksIn } from "./Ticks.ts"
import { venueOf } from "./Venue.ts"

/** Trades of the minutes that are made anew. MJ6 */
export const TRADES = 50_000
/** Bytes of one read. */
const BITE = 262_144
/** Symbols that are looked for in the bytes of an event before it is read. */
const LOOKED_FOR = 8
/** Microseconds that it counts as to ask the log for a place, or for what is there. */
export const ASKED = 1_000

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

/** Bars of other intervals that those minutes belong to. */
const othersOf = (minutes: ReadonlyArray<BarKey>): Projection["again"] => {
  const others = minutes.flatMap(({ exchange, symbol, session, start: minute }) => {
    const key = { exchange, symbol, session, start: minute }
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
  readonly trades: number
  /** Events in which a trade is found that came before. MJ2 */
  readonly among: number
}

/** Whose events are looked at, and from where on the bars were made of them. */
export interface Told extends Times {
  readonly began: Place
  /** Minutes of what was told at once with it. */
  readonly gathered: ReadonlyArray<KeyedBar>
}

export const makeAmending = ({ log, store, partition, amendments, trades: most, among }: AmendingOptions) => {
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
  const tradeAt = Effect.fnUntraced(function* ({ epoch, offset, price }: Mark) {
    if (!allowance.spend(ASKED)) return undefined
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
  const newestOf = Effect.fnUntraced(function* (parts: ReadonlyArray<Remade>, gathered: ReadonlyArray<KeyedBar>) {
    const minutes = parts.flatMap((one) => one.minutes)
    const anew = new Set(minutes.map(idOf))
    const sessions = Map.groupBy(minutes, sessionKey)
    const asked = [...sessions.values()].map((its) => ({ ...its[0]!, but: its.map(({ start }) => start) }))
    const found = new Map((yield* store.closes(partition, asked)).map((one) => [sessionKey(one), one.mark]))
    const beside = gathered.filter((one) => !anew.has(idOf(one)))
    for (const one of [...beside, ...minutes]) {
      const [key, { close }] = [sessionKey(one), one.bar]
      const before = found.get(key)
      if (sessions.has(key) && close !== undefined && (before === undefined || compare(before, close) < 0))
        found.set(key, close)
    }
    const newest: Array<Newest> = []
    for (const [key, mark] of found) {
      const known = parts.flatMap(({ newest, told }) => [newest.get(key)?.trade, told.get(key)])
      const of = sessions.get(key)![0]!
      const trade = markedIn(known, mark) ?? (yield* tradeAt(mark)) ?? byBar({ ...of, mark })
      newest.push({ session: of.session, trade })
    }
    return { newest, forgotten: [...sessions.values()].map(([key]) => key!) }
  })

  /** The minutes of these in one; undefined: not all of it is there, or it is too much. */
  const together = Effect.fnUntraced(function* (some: ReadonlyArray<Amendment>, end: Place, { began, ...times }: Told) {
    const from = yield* log.find(partition, Math.min(...some.map((one) => minuteIn(one).start)) - AHEAD)
    const bounds = (yield* log.bounds([partition.topic])).find((one) => one.partition === partition.partition)
    if (from === undefined || bounds === undefined || from.epoch !== end.epoch) return undefined
    // Where that is the oldest that is left, or with which this history of the partition began, there may have been more before.
    if (samePlace(from, { epoch: bounds.epoch, offset: bounds.first }) && !samePlace(from, began)) return undefined
    const again = new Again(some, among)
    if (!(yield* scan(from, end.offset, again, times, new Set(some.map(({ symbol }) => symbol))))) return undefined
    return yield* lookingSlices.through(() => again.remade())
  })

  /** What can't be had in one is had in halves, the newer one first, as long as there is time: what is gone of one minute takes nothing of others. */
  const parts = (
    some: ReadonlyArray<Amendment>,
    end: Place,
    told: Told
  ): Effect.Effect<ReadonlyArray<Remade>, HeraldError> =>
    Effect.flatMap(together(some, end, told), (whole) =>
      whole === undefined ? halves(some, end, told) : Effect.succeed([whole])
    )
  const halves = Effect.fnUntraced(function* (some: ReadonlyArray<Amendment>, end: Place, told: Told) {
    const minutes = [...Map.groupBy(some, (one) => idOf(minuteIn(one))).values()]
    if (minutes.length === 1 || !allowance.spend(2 * ASKED)) return []
    minutes.sort(([a], [b]) => minuteIn(b!).start - minuteIn(a!).start)
    const middle = minutes.length >> 1
    const newer = yield* parts(minutes.slice(0, middle).flat(), end, told)
    return [...newer, ...(yield* parts(minutes.slice(middle).flat(), end, told))]
  })

  /** What they change, in the log up to its end; undefined: nothing. MJ3 */
  const make = Effect.fnUntraced(function* (amended: ReadonlyArray<Amendment>, end: Place, told: Told) {
    if (allowance.at(yield* Clock.currentTimeMillis) <= 0) return undefined
    // A day of which minutes are gone can't be put together again.
    const kept = amended.filter((one) => {
      const { exchange, start } = minuteIn(one)
      return startOf(venueOf(exchange).calendar, "1d", start) >= told.now - told.keepMillis
    })
    const found = kept.length === 0 ? [] : yield* parts(kept, end, told)
    const done = found.reduce((sum, one) => sum + one.done, 0)
    if (done === 0) return undefined
    const instead = found.flatMap(({ minutes }) => minutes)
    const made: Amended = { done, instead, again: othersOf(instead), ...(yield* newestOf(found, told.gathered)) }
    return made
  })

  return {
    amend: (amended: ReadonlyArray<Amendment>, end: Place, told: Told) => inTurn(make(amended, end, told))
  }
}
