/**
 * Makes bars and what is newest of the events of one partition of a topic, from where it was written last.
 *
 *   MJ1  What was read is written with how far it was read; where another node was faster, nothing is, and it goes on where that one is. MX1
 *   MJ5  What is newest of a feed that is silent is the time at which nothing more had come, so that its last bars end.
 *   MJ7  What did not simply become a part of bars is counted, by what became of it.
 *   MJ2 and MJ4 in Ticks.ts, MJ3 and MJ6 in Amending.ts
 */
import { Clock, Effect, Metric, type Semaphore } from "effect"
import { counter, each } from "../telemetry/Metrics.ts"
import { type Place, samePlace } from "../topics/MessageId.ts"
import type { PartitionId } from "../topics/Piece.ts"
import type { Log } from "../topics/TopicLog.ts"
import { AMENDING_BYTES, makeAmending } from "./Amending.ts"
import { idOf } from "./Bar.ts"
import { Gathering, rolledUp } from "./Gathering.ts"
import type { MarketStore } from "./MarketStore.ts"
import { NOTHING, type Projection } from "./Projection.ts"
import { type Cancel, type Correction, millisOf } from "./Tick.ts"
import { REMEMBERED, ticksOf, Window } from "./Ticks.ts"

/** Bytes of events that are read and written at once. */
const BITE = 262_144

export interface Projected {
  readonly partition: PartitionId
  /** The topic's name. */
  readonly name: string
  /** Milliseconds that bars are kept. */
  readonly keepMillis: number
  /** Of the node: one partition reads again at a time. MJ6 */
  readonly amending: Semaphore.Semaphore
  /** Bytes. MJ6 */
  readonly amendingBytes?: number
}

export const makeProjecting = (
  log: Pick<Log, "read" | "find" | "bounds">,
  store: Pick<typeof MarketStore.Service, "write" | "cursor">,
  { partition, name, keepMillis, amending, amendingBytes = AMENDING_BYTES }: Projected
) => {
  const { amend, earned } = makeAmending(log, partition, amendingBytes)
  let window: Window | undefined
  /** Up to where everything was written when it was looked at last. */
  let at: Place | undefined

  /** What the window held that ended there. MJ2 */
  const remember = Effect.fnUntraced(function* ({ epoch, offset: until }: Place, now: number) {
    const made = new Window()
    for (let from = Math.max(0, until - REMEMBERED); from < until; ) {
      const read = yield* log.read(partition, { epoch, offset: from }, { maxBytes: BITE, packed: false })
      if (read === undefined || read.epoch !== epoch || read.next <= from) break
      for (const piece of read.pieces)
        if (piece.is === "segment")
          for (const tick of ticksOf(piece, { epoch, from, until }, { now, keepMillis }).ticks)
            if (tick.kind === "trade") made.add(tick)
      from = read.next
    }
    return made
  })

  const count = (kind: (typeof KINDS)[number], n = 1) => Metric.update(Metric.withAttributes(ticksTotal, { kind }), n)

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
    const known = at !== undefined && samePlace(at, from) ? window : undefined
    at = from
    const read = yield* log.read(partition, from, { maxBytes: BITE, packed: false })
    if (read === undefined) return undefined
    if (read.pieces.length === 0) return false
    const isSame = read.epoch === from.epoch
    const seen = !isSame ? new Window() : (known ?? (yield* remember(from, now)))
    window = undefined // until it is written: what failed is read again
    const gathering = new Gathering()
    const amended: Array<Cancel | Correction> = []
    let watermark = cursor.watermark
    let bytes = 0
    for (const piece of read.pieces) {
      if (piece.is === "gap") {
        yield* count("gap")
        continue
      }
      bytes += piece.bytes.length
      const range = { epoch: read.epoch, from: isSame ? from.offset : 0 }
      const { ticks, wrong, outOfTime, latest } = ticksOf(piece, range, { now, keepMillis })
      if (wrong > 0) yield* count("wrong", wrong)
      if (outOfTime > 0) yield* count("out of time", outOfTime)
      for (const tick of ticks) {
        if (tick.kind === "quote") gathering.quote(tick)
        else if (tick.kind !== "trade") amended.push(tick)
        else if (seen.add(tick)) gathering.add(tick)
        else yield* count("twice")
        // What takes something back says when that was, which may be wrong by itself.
        if (tick.tsEvent > watermark && millisOf(tick.tsEvent) <= latest) watermark = tick.tsEvent
      }
    }
    earned(bytes)
    const to: Place = { epoch: read.epoch, offset: read.next }
    const made = amended.length === 0 ? undefined : yield* amending.withPermit(amend(amended, to, { now, keepMillis }))
    const done = made?.done ?? 0
    if (done > 0) yield* count("amended", done)
    if (done < amended.length) yield* count("not amended", amended.length - done)
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
      yield* Metric.update(projectedTotal, Math.max(0, read.next - (isSame ? from.offset : 0)))
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
