/**
 * Makes bars and what is newest of the events of one partition of a topic, from where it was written last.
 *
 *   MJ1  What was read is written with how far it was read; where another node was faster, nothing is, and it goes on where that one is. MX1
 *   MJ2  An event that is no tick counts for nothing and is counted. A trade whose venue's id came among the newest `REMEMBERED` ticks of the partition
 *        counts once, also after a restart: what a window held is read again.
 *   MJ3  A trade that is cancelled or corrected makes its minute anew from the log, as if it had been right from the beginning, and what is made of
 *        minutes. Where the log has no more of it, the minute stays as it was, and that is counted.
 *   MJ5  What is newest of a feed that is silent is the time at which nothing more had come, so that its last bars end.
 *   MJ4  Ticks of further than `AHEAD` in the future, and of longer ago than bars are kept, count for nothing.
 */
import { Clock, Effect, Metric } from "effect"
import { counter, each } from "../telemetry/Metrics.ts"
import { messagesOf } from "../topics/Frames.ts"
import { type Place, samePlace } from "../topics/MessageId.ts"
import type { PartitionId, Segment } from "../topics/Piece.ts"
import type { Log } from "../topics/TopicLog.ts"
import { idOf, type KeyedBar } from "./Bar.ts"
import { endOf, INTERVALS, startOf } from "./Calendar.ts"
import { Gathering, minuteOf, type PlacedTrade, rolledUp } from "./Gathering.ts"
import type { MarketStore } from "./MarketStore.ts"
import { NOTHING, type Projection } from "./Projection.ts"
import { readTick } from "./ReadTick.ts"
import { type Cancel, type Correction, millisOf, type Tick } from "./Tick.ts"
import { venueOf } from "./Venue.ts"

/** Ticks whose ids are remembered. MJ2 */
export const REMEMBERED = 10_000
/** Milliseconds. MJ4 */
export const AHEAD = 60_000
/** Bytes of events that are read and written at once. */
const BITE = 262_144

export interface Projected {
  readonly partition: PartitionId
  /** The topic's name. */
  readonly name: string
  /** Milliseconds that bars are kept. */
  readonly keepMillis: number
}

type Placed = Tick & Place

/** The ids of the newest trades of a partition, oldest first. MJ2 */
class Window {
  readonly #ids = new Set<string>()
  /** False: it was there. */
  add({ exchange, symbol, id, sequence }: PlacedTrade): boolean {
    const name = id === "" ? (sequence === 0n ? undefined : `#${sequence}`) : id
    if (name === undefined) return true
    const whole = `${exchange} ${symbol} ${name}`
    if (this.#ids.has(whole)) return false
    this.#ids.add(whole)
    if (this.#ids.size > REMEMBERED) this.#ids.delete(this.#ids.values().next().value!)
    return true
  }
}

/** Ticks of a segment from an offset on, and how many events are none. */
const ticksOf = ({ base, bytes }: Segment, epoch: number, from: number, until = Number.POSITIVE_INFINITY) => {
  const ticks: Array<Placed> = []
  let wrong = 0
  for (const [index, { payload }] of messagesOf(bytes).entries()) {
    const offset = base + index
    if (offset < from || offset >= until) continue
    const tick = readTick(payload)
    if (typeof tick === "string") wrong++
    else ticks.push({ ...tick, epoch, offset })
  }
  return { ticks, wrong }
}

export const makeProjecting = (
  log: Pick<Log, "read" | "find" | "bounds">,
  store: Pick<typeof MarketStore.Service, "write" | "cursor">,
  { partition, name, keepMillis }: Projected
) => {
  let window: Window | undefined
  /** Up to where everything was written when it was looked at last. */
  let at: Place | undefined

  /** Calls `each` with the ticks from a place up to an offset; false where some of them are there no more. */
  const scan = Effect.fnUntraced(function* (from: Place, until: number, each: (tick: Placed) => void) {
    let at = from.offset
    let whole = true
    while (at < until) {
      const read = yield* log.read(partition, { epoch: from.epoch, offset: at }, { maxBytes: BITE, packed: false })
      if (read === undefined || read.epoch !== from.epoch || read.next <= at) return false
      for (const piece of read.pieces)
        if (piece.is === "gap") whole = false
        else for (const tick of ticksOf(piece, read.epoch, at, until).ticks) each(tick)
      at = read.next
    }
    return whole
  })

  /** MJ2 */
  const remember = Effect.fnUntraced(function* (at: Place) {
    const made = new Window()
    const from = { epoch: at.epoch, offset: Math.max(0, at.offset - REMEMBERED) }
    yield* scan(from, at.offset, (tick) => {
      if (tick.kind === "trade") made.add(tick)
    })
    return made
  })

  /** The minutes of what was cancelled or corrected as they are right, and the newest trades since then. MJ3 */
  const anew = Effect.fnUntraced(function* (amended: ReadonlyArray<Cancel | Correction>, end: Place) {
    const minutes = new Map(
      amended.map((one) => {
        const key = minuteOf({ ...one, tsEvent: one.tsOriginal })
        return [idOf(key), key] as const
      })
    )
    const first = Math.min(...[...minutes.values()].map(({ start }) => start))
    const from = yield* log.find(partition, first - AHEAD)
    const bounds = (yield* log.bounds([partition.topic])).find((one) => one.partition === partition.partition)
    if (
      from === undefined ||
      from.epoch !== end.epoch ||
      bounds === undefined ||
      (bounds.first > 0 && from.offset <= bounds.first)
    )
      return undefined
    const instruments = new Set(amended.map(({ exchange, symbol }) => `${exchange} ${symbol}`))
    const trades = new Map<string, PlacedTrade>()
    const whole = yield* scan(from, end.offset, (tick) => {
      const { exchange, symbol } = tick
      if (!instruments.has(`${exchange} ${symbol}`) || tick.kind === "quote") return
      const of = (id: string) => `${exchange} ${symbol} ${id === "" ? `at ${tick.offset}` : id}`
      if (tick.kind === "trade") {
        if (!trades.has(of(tick.id))) trades.set(of(tick.id), tick)
      } else if (tick.kind === "cancel") trades.delete(of(tick.id))
      else if (trades.has(of(tick.id)))
        trades.set(of(tick.id), { ...tick.trade, epoch: tick.epoch, offset: tick.offset })
    })
    if (!whole) return undefined
    const gathering = new Gathering()
    for (const trade of trades.values()) gathering.add(trade)
    const instead = [...minutes.values()].map((key): KeyedBar => ({ ...key, bar: gathering.minute(key) }))
    const again = new Map(
      instead.flatMap(({ bar: _, ...key }) => {
        const { calendar } = venueOf(key.exchange)
        return INTERVALS.slice(1).map((interval) => {
          const start = startOf(calendar, interval, key.start)
          const one = { ...key, interval, start, end: endOf(calendar, interval, start) }
          return [idOf(one), one] as const
        })
      })
    )
    const newest = gathering.newest()
    // What was newest may be what never was.
    const forgotten = [
      ...newest.map(({ session, trade: { exchange, symbol } }) => ({ exchange, symbol, session })),
      ...[...minutes.values()].map(({ exchange, symbol, session }) => ({ exchange, symbol, session }))
    ]
    return { instead, again: [...again.values()], newest, forgotten }
  })

  /** Writes what is there, up to a bite of it. True: there was something. Undefined: there is no such partition. */
  const step = Effect.fn("Projecting.step")(function* () {
    const cursor = yield* store.cursor(partition)
    const now = yield* Clock.currentTimeMillis
    if (cursor === undefined) {
      const bounds = (yield* log.bounds([partition.topic])).find((one) => one.partition === partition.partition)
      if (bounds === undefined) return undefined
      const to = { epoch: bounds.epoch, offset: bounds.first }
      yield* store.write({ ...NOTHING, partition, name, from: undefined, to, watermark: 0n })
      return true
    }
    const from: Place = { epoch: cursor.epoch, offset: cursor.offset }
    at = from
    const read = yield* log.read(partition, from, { maxBytes: BITE, packed: false })
    if (read === undefined) return undefined
    if (read.pieces.length === 0) return false
    const seen = window ?? (yield* remember(from))
    window = undefined // until it is written: what failed is read again
    const gathering = new Gathering()
    const amended: Array<Cancel | Correction> = []
    let watermark = cursor.watermark
    const count = (kind: (typeof KINDS)[number], n = 1) => Metric.update(Metric.withAttributes(ticksTotal, { kind }), n)
    for (const piece of read.pieces) {
      if (piece.is === "gap") {
        yield* count("gap")
        continue
      }
      const { ticks, wrong } = ticksOf(piece, read.epoch, read.epoch === from.epoch ? from.offset : 0)
      if (wrong > 0) yield* count("wrong", wrong)
      for (const tick of ticks) {
        const at = millisOf(tick.kind === "cancel" || tick.kind === "correction" ? tick.tsOriginal : tick.tsEvent)
        if (at > now + AHEAD || at < now - keepMillis) yield* count("out of time")
        else if (tick.kind === "quote") gathering.quote(tick)
        else if (tick.kind !== "trade") amended.push(tick)
        else if (seen.add(tick)) gathering.add(tick)
        else yield* count("twice")
        if (tick.tsEvent > watermark && millisOf(tick.tsEvent) <= now + AHEAD) watermark = tick.tsEvent
      }
    }
    const to: Place = { epoch: read.epoch, offset: read.next }
    const made = amended.length === 0 ? undefined : yield* anew(amended, to)
    if (amended.length > 0) yield* count(made === undefined ? "not amended" : "amended", amended.length)
    const taken = new Set(made?.instead.map(idOf))
    const forgotten = new Set(made?.forgotten.map((one) => `${one.exchange} ${one.symbol} ${one.session}`))
    const projection: Projection = {
      ...{ ...NOTHING, partition, name, from, to, watermark },
      bars: rolledUp(gathering.minutes().filter((bar) => !taken.has(idOf(bar)))),
      newest: [
        ...(made?.newest ?? []),
        ...gathering
          .newest()
          .filter(({ session, trade: { exchange, symbol } }) => !forgotten.has(`${exchange} ${symbol} ${session}`))
      ],
      quotes: gathering.quotes(),
      ...(made === undefined ? {} : { instead: made.instead, again: made.again, forgotten: made.forgotten })
    }
    const written = yield* store.write(projection)
    if (written.is === "written") {
      window = seen
      at = to
      yield* Metric.update(projectedTotal, Math.max(0, read.next - (read.epoch === from.epoch ? from.offset : 0)))
      if (written.left > 0) yield* count("no room", written.left)
    }
    return true
  })

  /** Says that nothing has come until now, where everything is written and something ever was a tick. MJ5 */
  const rest = Effect.fn("Projecting.rest")(function* () {
    const cursor = yield* store.cursor(partition)
    if (cursor === undefined || cursor.watermark === 0n || at === undefined || !samePlace(at, cursor)) return
    const watermark = BigInt(yield* Clock.currentTimeMillis) * 1_000_000n
    yield* store.write({ ...NOTHING, partition, name, from: at, to: at, watermark })
  })

  return { step, rest, at: () => at }
}

const projectedTotal = counter(
  "herald_market_events_total",
  "events of market data that this node made bars of, or found to be none"
)

const KINDS = ["gap", "wrong", "out of time", "twice", "amended", "not amended", "no room"] as const
const ticksTotal = counter(
  "herald_market_ticks_total",
  "events of market data that did not simply become a part of bars, by what became of them",
  each("kind", KINDS)
)
