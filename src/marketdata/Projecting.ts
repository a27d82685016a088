/**
 * Makes bars and what is newest of the events of one partition of a topic, from where it was written last.
 *
 *   MJ1  What was read is written with how far it was read; where another node was faster, nothing is, and it goes on where that one is. MX1
 *   MJ5  What is newest of a feed that is silent is the time at which nothing more had come, so that its last bars end.
 *   MJ11 What is written at once is bounded in bars, and what came before an amendment is written before that is made. What was read is read once, in
 *        however many parts it is written.
 *   MJ7  What did not simply become a part of bars is counted, by what became of it.
 *   MJ2, MJ4 and MJ8 in Ticks.ts, MJ3 in Amending.ts, MJ6 in Amendments.ts
 */
import { Clock, Effect, Metric } from "effect"
import { skipped } from "../fanout/Rows.ts"
import { counter, each } from "../telemetry/Metrics.ts"
import { type Place, samePlace } from "../topics/MessageId.ts"
import { endOf, type PartitionId, type Read } from "../topics/Piece.ts"
import type { Log } from "../topics/TopicLog.ts"
import { lookingSlices } from "../work/Slices.ts"
import type { Amendment } from "./Again.ts"
import { type Amended, makeAmending, TRADES } from "./Amending.ts"
import type { Amendments } from "./Amendments.ts"
import { idOf } from "./Bar.ts"
import { Gathering, rollingUp } from "./Gathering.ts"
import type { MarketStore } from "./MarketStore.ts"
import { NOTHING, type Projection } from "./Projection.ts"
import { millisOf } from "./Tick.ts"
import { newestOf, REMEMBERED, type Times, ticksIn, Window } from "./Ticks.ts"

/** Bytes of events that are read at once. */
const BITE = 262_144
/** Minutes, and what is newest, that are written at once, with what is to be made anew: other bars follow from them. */
export const AT_ONCE = 1_024

export interface Projected {
  readonly partition: PartitionId
  /** The topic's name. */
  readonly name: string
  /** Milliseconds that bars are kept. */
  readonly keepMillis: number
  /** Of its topic on this node. MJ6 */
  readonly amendments: Amendments
  /** Of the minutes that are made anew. MJ6 */
  readonly amendedTrades?: number
  /** Events in which a trade is found that came before. MJ2 */
  readonly remembered?: number
  /** MJ11 */
  readonly atOnce?: number
}

type Counted = (typeof KINDS)[number]

/** What was taken of a read. */
interface Taken {
  readonly gathering: Gathering
  readonly amended: ReadonlyArray<Amendment>
  readonly watermark: bigint
  /** Behind the last event of it. */
  readonly next: number
  readonly counts: ReadonlyMap<Counted, number>
}

/**
 * What can be written at once: up to `most`, and nothing behind an amendment where anything comes before it, so that nothing that came first waits for what
 * has to be read again. May be left between two events. MJ8, MJ11
 */
function* taking(
  read: Read,
  { from, most }: { readonly from: number; readonly most: number },
  seen: Window,
  times: Times,
  newest: bigint
): Generator<void, Taken> {
  const gathering = new Gathering()
  const amended: Array<Amendment> = []
  const counts = new Map<Counted, number>()
  const count = (kind: Counted) => counts.set(kind, (counts.get(kind) ?? 0) + 1)
  let watermark = newest
  const until = (next: number): Taken => ({ gathering, amended, watermark, next, counts })
  for (const piece of read.pieces) {
    if (piece.is === "gap") {
      count("gap")
      continue
    }
    const latest = newestOf(piece, times)
    for (const [offset, tick] of ticksIn(piece, { epoch: read.epoch, from }, times)) {
      if (gathering.size + amended.length >= most) return until(offset)
      if (typeof tick === "string") {
        if (tick !== "not wanted") count(tick)
        yield
        continue
      }
      if (tick.kind === "quote") gathering.quote(tick)
      else if (tick.kind === "trade") {
        if (seen.add(tick)) gathering.add(tick)
        else count("twice")
      } else {
        if (amended.length === 0 && gathering.size > 0) return until(offset)
        amended.push(tick)
      }
      // What takes something back says when that was, which may be wrong by itself.
      if (tick.tsEvent > watermark && millisOf(tick.tsEvent) <= latest) watermark = tick.tsEvent
      yield
    }
  }
  return until(read.next)
}

/** What is behind it, of what was read. */
const restOf = (read: Read, next: number): Read => {
  const first = read.pieces.findIndex((piece) => piece.is === "segment" && endOf(piece) > next)
  const [piece, ...others] = read.pieces.slice(first < 0 ? read.pieces.length : first)
  if (piece?.is !== "segment" || piece.base >= next)
    return { ...read, pieces: piece === undefined ? [] : [piece, ...others] }
  const left = next - piece.base
  const bytes = piece.bytes.subarray(skipped(piece.bytes, left))
  return { ...read, pieces: [{ ...piece, base: next, count: piece.count - left, bytes, hashes: undefined }, ...others] }
}

/** What is written of it. May be left between two minutes. MJ8 */
function* projectionOf({ gathering }: Taken, made: Amended | undefined): Generator<void, Partial<Projection>> {
  const instead = new Set(made?.instead.map(idOf))
  const forgotten = new Set(made?.forgotten.map((one) => `${one.exchange} ${one.symbol} ${one.session}`))
  const isKept = ({ session, trade: { exchange, symbol } }: Projection["newest"][number]) =>
    !forgotten.has(`${exchange} ${symbol} ${session}`)
  return {
    bars: yield* rollingUp(gathering.minutes().filter((bar) => !instead.has(idOf(bar)))),
    newest: [...(made?.newest ?? []), ...gathering.newest().filter(isKept)],
    quotes: gathering.quotes(),
    ...(made === undefined ? {} : { instead: made.instead, again: made.again, forgotten: made.forgotten })
  }
}

export const makeProjecting = (
  log: Pick<Log, "read" | "find" | "bounds">,
  store: Pick<typeof MarketStore.Service, "write" | "cursor" | "closes">,
  { partition, name, keepMillis, amendments, ...bounds }: Projected
) => {
  const { amendedTrades = TRADES, remembered = REMEMBERED, atOnce: most = AT_ONCE } = bounds
  const { amend } = makeAmending({ log, store, partition, amendments, trades: amendedTrades, among: remembered })
  let window: Window | undefined
  /** Up to where everything was written when it was looked at last. */
  let at: Place | undefined

  /** What the window held that ended there. MJ2 */
  const remember = Effect.fnUntraced(function* ({ epoch, offset: until }: Place, now: number) {
    const made = new Window(remembered)
    for (let from = Math.max(0, until - remembered); from < until; ) {
      const read = yield* log.read(partition, { epoch, offset: from }, { maxBytes: BITE, packed: false })
      if (read === undefined || read.epoch !== epoch || read.next <= from) break
      yield* lookingSlices.through(function* () {
        for (const piece of read.pieces)
          if (piece.is === "segment")
            for (const [, seen] of ticksIn(piece, { epoch, from, until }, { now, keepMillis })) {
              if (typeof seen !== "string" && seen.kind === "trade") made.add(seen)
              yield
            }
      })
      from = read.next
    }
    return made
  })

  const count = (kind: Counted, n: number) =>
    n === 0 ? Effect.void : Metric.update(Metric.withAttributes(ticksTotal, { kind }), n)

  /** False: another node was faster. `begin`: where it was taken from. MJ1 */
  const put = Effect.fnUntraced(function* (
    taken: Taken,
    from: Place,
    begin: Place,
    times: Times & { readonly began: Place }
  ) {
    const { amended, watermark, next, gathering, counts } = taken
    const to: Place = { epoch: begin.epoch, offset: next }
    const made =
      amended.length === 0 ? undefined : yield* amend(amended, to, { ...times, gathered: gathering.minutes() })
    const projection: Projection = {
      ...{ ...NOTHING, partition, name, from, to, watermark },
      ...(yield* lookingSlices.through(() => projectionOf(taken, made)))
    }
    const written = yield* store.write(projection)
    if (written.is === "moved") return false
    yield* Metric.update(projectedTotal, Math.max(0, next - begin.offset))
    for (const [kind, n] of counts) yield* count(kind, n)
    const done = made?.done ?? 0
    yield* count("amended", done)
    yield* count("not amended", amended.length - done)
    yield* count("no room", written.left)
    return true
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
    if (at === undefined || !samePlace(at, from)) window = undefined // another node was faster
    at = from
    const read = yield* log.read(partition, from, { maxBytes: BITE, packed: false })
    if (read === undefined) return undefined
    if (read.pieces.length === 0) return false
    const isSame = read.epoch === from.epoch
    const seen = !isSame ? new Window(remembered) : (window ?? (yield* remember(from, now)))
    window = undefined // until it is written: what failed is read again
    const times = { now, keepMillis }
    const began = isSame ? from.offset : 0
    let watermark = cursor.watermark
    for (let rest: Read = read; ; rest = restOf(rest, at.offset)) {
      const begin: Place = { epoch: read.epoch, offset: rest === read ? began : at.offset }
      const taken: Taken = yield* lookingSlices.through(() =>
        taking(rest, { from: begin.offset, most }, seen, times, watermark)
      )
      if (!(yield* put(taken, at, begin, { ...times, began: cursor.began }))) return true
      at = { epoch: read.epoch, offset: taken.next }
      watermark = taken.watermark
      if (taken.next >= read.next) break
    }
    window = seen
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
