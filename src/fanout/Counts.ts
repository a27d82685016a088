/** Counts readers of topics and what they are sent, once a second: nothing is counted by metrics for each delivery. */
import { Effect, Metric } from "effect"
import { afterEvery } from "../telemetry/Every.ts"
import { counter, each, gauge } from "../telemetry/Metrics.ts"
import type { Broadcast } from "./Broadcast.ts"
import type { Overflow } from "./Reader.ts"

export type Refused = "full" | "principal" | "draining"

export const makeCounts = Effect.fnUntraced(function* (broadcasts: () => ReadonlyArray<Broadcast>) {
  const context = yield* Effect.context<never>()
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
