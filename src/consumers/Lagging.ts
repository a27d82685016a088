/**
 * Measures how far a group is behind; every node in it does.
 *
 *   GR5  Lag and age come from the log's own ends and commits, so that a group for which nobody consumes is seen as well.
 */
import { Clock, Effect, Metric } from "effect"
import { every } from "../telemetry/Every.ts"
import { gauge } from "../telemetry/Metrics.ts"
import { EventGroups, type Lag } from "./EventGroups.ts"

const EVERY = "10 seconds"

interface Held {
  readonly next: bigint
  /** When this node first saw the group wait at `next`: milliseconds since 1970. */
  readonly since: number
}

export const makeLagging = Effect.fnUntraced(function* (group: string) {
  const groups = yield* EventGroups
  const clock = yield* Clock.Clock
  /** By partition, when the batch that is being handled was published: milliseconds since 1970. */
  const inHand = new Map<number, number>()
  const held = new Map<number, Held>()

  const look = (lags: ReadonlyArray<Lag>) => {
    const now = clock.currentTimeMillisUnsafe()
    let behind = 0n
    let oldest = now
    for (const { partition, next, end } of lags) {
      if (next >= end) {
        held.delete(partition)
        continue
      }
      behind += end - next
      const before = held.get(partition)
      const since = before?.next === next ? before.since : now
      held.set(partition, { next, since })
      oldest = Math.min(oldest, since, inHand.get(partition) ?? now)
    }
    return [Number(behind), (now - oldest) / 1_000] as const
  }

  const measure = every(
    "the lag of a consumer group was not measured",
    EVERY,
    Effect.flatMap(groups.lag(group), (lags) => {
      const [behind, seconds] = look(lags)
      return Effect.andThen(
        Metric.update(Metric.withAttributes(lag, { group }), behind),
        Metric.update(Metric.withAttributes(age, { group }), seconds)
      )
    })
  )

  return {
    measure,
    holding: (partition: number, at: number) => void inHand.set(partition, at),
    done: (partition: number) => void inHand.delete(partition)
  }
})

const lag = gauge("herald_consumer_lag", "messages of the topic that a group has before it")
const age = gauge(
  "herald_consumer_age_seconds",
  "how long the oldest message before a group waits, or the group stands still"
)
