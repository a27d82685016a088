/**
 * Tells the event log what market data was distributed to how many who listen: a sample of it, or all.
 *
 *   MO1  Noting costs a count where something is told, whatever the setting. What becomes an event is decided in rounds of `ROUND`: of a sample the
 *        newest `SAMPLE` batches of a round, one event of each; of all, what `BATCHES` batches of a round have. The rest is counted.
 *   MO2  Events are made once everybody who was live was told, and say how many those were.
 */
import { Context, Effect, Layer, Metric } from "effect"
import { type Distribution, distributionEvent } from "../outbox/Event.ts"
import { makeNoting } from "../outbox/Noting.ts"
import { afterEvery } from "../telemetry/Every.ts"
import { counter } from "../telemetry/Metrics.ts"
import { decimalText, priceText } from "./Decimal.ts"
import type { Data, Told } from "./Decoding.ts"
import { millisOf } from "./Tick.ts"

/** MO1 */
export const SAMPLE = 10
export const BATCHES = 1_000
const ROUND = "1 second"

/** Where data is noted that the first of those who listen is told; without an event log nothing becomes of that. */
export const Distributed = Context.Reference<{ readonly note: (data: Data) => void }>("herald/marketdata/Distributed", {
  defaultValue: () => ({ note: () => undefined })
})

const distributionOf = ({ topic, partition, epoch, at, notified }: Data, { tick, offset }: Told): Distribution => {
  const trade = tick.kind === "correction" ? tick.trade : tick.kind === "trade" ? tick : undefined
  return {
    ...{ topic, partition, epoch, offset, type: tick.kind, symbol: tick.symbol, exchange: tick.exchange },
    ...{ subscribers: notified.count, latencyMillis: Math.max(0, notified.at - at), at: millisOf(tick.tsEvent) },
    price: trade === undefined ? null : priceText(trade.price),
    volume: trade === undefined ? null : decimalText(trade.size)
  }
}

export interface DistributedOptions {
  readonly node: string
  readonly distributed: "off" | "sampled" | "complete"
}

const make = Effect.fnUntraced(function* ({ node, distributed }: DistributedOptions) {
  if (distributed === "off") return { note: () => undefined }
  const most = distributed === "sampled" ? SAMPLE : BATCHES
  const noting = yield* makeNoting({
    ...{ node, what: "events of market data", kind: "distribution", dropped: droppedTotal },
    eventOf: distributionEvent
  })
  let coming: Array<Data> = []
  let told: ReadonlyArray<Data> = []
  let count = 0

  const note = (data: Data): void => {
    if (distributed === "sampled") coming[count++ % most] = data
    else if (count++ < most) coming.push(data)
  }
  const round = Effect.suspend(() => {
    // Those of the round before: MO2.
    for (const data of told)
      for (const one of distributed === "sampled" ? data.ticks.slice(-1) : data.ticks)
        noting.note(distributionOf(data, one))
    const left = distributed === "complete" ? Math.max(0, count - most) : 0
    told = coming
    coming = []
    count = 0
    return left === 0 ? Effect.void : Metric.update(droppedTotal, left)
  })
  yield* Effect.forkScoped(afterEvery("what was distributed was not told", ROUND, round))
  return { note }
})

export const layer = (options: DistributedOptions) => Layer.effect(Distributed, make(options))

const droppedTotal = counter(
  "herald_market_distributed_dropped_total",
  "events that were distributed and not told of, as MARKET_DATA_DISTRIBUTED is complete and there were too many, or the event log did not take them in time"
)
