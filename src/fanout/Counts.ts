/** Counts readers of topics and what they are sent, once a second: nothing is counted by metrics for each delivery. */
import { Clock, Effect, Metric } from "effect"
import { afterEvery } from "../telemetry/Every.ts"
import { counter, each, gauge, histogram } from "../telemetry/Metrics.ts"
import type { Batch } from "./Batch.ts"
import type { Broadcast } from "./Broadcast.ts"
import type { Overflow } from "./Reader.ts"

export type Refused = "full" | "principal" | "draining"

export const makeCounts = Effect.fnUntraced(function* (broadcasts: () => ReadonlyArray<Broadcast>) {
  const context = yield* Effect.context<never>()
  const clock = yield* Clock.Clock
  let events = 0
  const left: Record<string, number> = {}

  const write = Effect.suspend(() => {
    let [readers, slow, groups] = [0, 0, 0]
    for (const broadcast of broadcasts()) {
      readers += broadcast.size
      slow += broadcast.full
      groups += broadcast.groups
    }
    delivered.updateUnsafe(events, context)
    events = 0
    for (const [overflow, count] of Object.entries(left))
      Metric.withAttributes(leftOut, { overflow }).updateUnsafe(count, context)
    for (const overflow of Object.keys(left)) delete left[overflow]
    return Effect.all(
      [Metric.update(open, readers), Metric.update(slowOnes, slow), Metric.update(groupsOpen, groups)],
      {
        discard: true
      }
    )
  })
  yield* Effect.forkScoped(afterEvery("readers of topics were not counted", "1 second", write))

  return {
    /** The clock of whoever stored it may be ahead of this one. */
    sent: ({ at }: Batch): void =>
      distribution.updateUnsafe(Math.max(0, clock.currentTimeMillisUnsafe() - at) / 1_000, context),
    delivered: (_readers: number, count: number): void => void (events += count),
    leftOut: (count: number, overflow: Overflow): void => {
      const name = overflow.replaceAll(" ", "_")
      left[name] = (left[name] ?? 0) + count
    },
    refused: (reason: Refused): void => Metric.withAttributes(refusals, { reason }).updateUnsafe(1, context)
  }
})

const open = gauge("herald_topic_readers", "readers of topics that are open")
const slowOnes = gauge("herald_topic_readers_slow", "readers of topics that can't take more now")
const groupsOpen = gauge("herald_topic_reader_groups", "groups of readers that are sent the same bytes")
const delivered = counter("herald_topic_events_delivered_total", "events that readers of topics were sent")
const distribution = histogram(
  "herald_topic_distribution_seconds",
  "from when Herald had the first event of a batch until it was with the transport for the last reader of a node who is live",
  [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  []
)
const leftOut = counter(
  "herald_topic_events_left_out_total",
  "events that slow readers of topics were not sent, as their overflow says",
  each("overflow", ["conflate", "drop_oldest"])
)
const refusals = counter(
  "herald_topic_readers_refused_total",
  "readers of topics that were not let in: all places taken (TOPICS_READERS), all of one principal, or the node leaves",
  each("reason", ["full", "principal", "draining"])
)
