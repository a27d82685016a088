/** Counts what a node hands out of subscriptions, once a second: nothing is counted by metrics for each event. */
import { Effect, Metric } from "effect"
import { afterEvery } from "../telemetry/Every.ts"
import { counter, each, gauge } from "../telemetry/Metrics.ts"
import { Fates, type Served } from "./Fates.ts"
import type { Serving } from "./Serving.ts"
import { fates, type Tally } from "./Tally.ts"

const states = ["acks", "holes", "keys", "paused", "error"] as const

/** Events that are not done of what is here; of what was not read yet as many as a slice has on average. */
const backlogOf = ({ machine, ends, subscription }: Serving): number => {
  let sum = 0
  for (const { slice, scan, items } of machine.cursors)
    sum += items.size + Math.max(0, (ends.get(slice.partition) ?? scan) - scan) / subscription.slices
  return Math.round(sum)
}

/** `tally`: of all subscriptions of this node; it is set back. */
export const makeCounts = Effect.fnUntraced(function* (servings: () => Iterable<Serving>, tally: Tally) {
  const context = yield* Effect.context<never>()
  const told = yield* Fates

  const write = Effect.suspend(() => {
    let [served, consumers, out, waiting, absent, backlog] = [0, 0, 0, 0, 0, 0]
    const held = new Map<string, number>(states.map((state) => [state, 0]))
    const all: Array<Served> = []
    for (const serving of servings()) {
      served++
      consumers += serving.seats.size
      out += serving.machine.inFlight
      absent += serving.absent.size
      backlog += backlogOf(serving)
      all.push({ topic: serving.subscription.topicId, consumers: serving.seats.size })
      for (const { waiting: its } of serving.machine.cursors) waiting += its.length
      const [status = "", blocked = ""] = serving.shown.split(" ")
      const state = blocked === "" ? status : blocked.replace("blocked_on_", "")
      if (held.has(state)) held.set(state, held.get(state)! + 1)
    }
    told.serving(all)
    for (const fate of fates) {
      if (tally[fate] > 0) Metric.withAttributes(eventsTotal, { fate }).updateUnsafe(tally[fate], context)
      tally[fate] = 0
    }
    for (const [state, count] of held) Metric.withAttributes(heldGauge, { state }).updateUnsafe(count, context)
    return Effect.all(
      [
        Metric.update(servedGauge, served),
        Metric.update(consumersGauge, consumers),
        Metric.update(absentGauge, absent),
        Metric.update(outGauge, out),
        Metric.update(waitingGauge, waiting),
        Metric.update(backlogGauge, backlog)
      ],
      { discard: true }
    )
  })
  yield* Effect.forkScoped(afterEvery("consumers were not counted", "1 second", write))
})

const servedGauge = gauge("herald_subscriptions_served", "subscriptions that this node has consumers of")
const consumersGauge = gauge("herald_subscription_consumers", "consumers of subscriptions that are connected")
const absentGauge = gauge(
  "herald_subscription_consumers_absent",
  "consumers whose connection broke and who may be back: what they had waits for them, at most 5 s"
)
const outGauge = gauge("herald_subscription_events_out", "events that consumers have and have not answered")
const waitingGauge = gauge("herald_subscription_events_waiting", "events that were read and wait for their turn")
const backlogGauge = gauge(
  "herald_subscription_backlog",
  "events that are not done, about, of what this node hands out; nobody's are counted nowhere"
)
const heldGauge = gauge(
  "herald_subscriptions_held",
  "subscriptions of which nothing goes out: too many unanswered (acks), too many holes, all behind keys that wait (keys), paused, in error"
)
const eventsTotal = counter(
  "herald_subscription_events_total",
  "what became of events that were handed out: delivered, again (had failed before), accepted, released, failed, rejected, expired (not answered in time), broken (its consumer was lost), refused (answered too late)",
  each("fate", fates)
)
