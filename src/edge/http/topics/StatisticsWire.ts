/** How topics were used, as JSON. */
import { Schema } from "effect"
import type { Told } from "../../../distribution/Statistics.ts"
import { statuses } from "../../../distribution/StatisticsStore.ts"
import { duration } from "../../../settings/Form.ts"
import { Stamp, stamp, Whole } from "../Wire.ts"

export const Since = Schema.String.check(
  Schema.makeFilter((text) => (duration.read(text) === undefined ? `${duration.expected}` : undefined), {
    toJsonSchema: () => ({ maxLength: 16, pattern: "^[0-9]+(ms|s|m|h|d)$" })
  })
).annotate({
  description: "How far back, from 1m to what is kept (STATISTICS_TIME): 1h unless it is said.",
  examples: ["1h"]
})
export const millisOf = (text: string): number => duration.read(text) ?? 0

const Millis = Schema.NullOr(Schema.Finite)

/**
 * `totals`: since counting began of it; null: nothing ever was. A point is of `width` milliseconds: `throughputPerSecond` of what was published, the
 * slowest, the most and the average of its minutes; `latency` from when Herald had an event until its last live reader had it. `errorRate`: of publishes
 * and deliveries. `backlogSize`: of all subscriptions, whoever serves them, at most; null where it can't be known, as the topic's log is not in PostgreSQL.
 */
export const TopicStatistics = Schema.Struct({
  topic: Schema.String,
  since: Schema.Finite,
  sinceTime: Stamp,
  width: Whole,
  totals: Schema.NullOr(
    Schema.Struct({
      since: Schema.Finite,
      sinceTime: Stamp,
      ...{ published: Whole, refused: Whole, sent: Whole, delivered: Whole, failed: Whole }
    })
  ),
  points: Schema.Array(
    Schema.Struct({
      start: Schema.Finite,
      startTime: Stamp,
      throughputPerSecond: Schema.Finite,
      latencyP50Millis: Millis,
      latencyP99Millis: Millis,
      errorRate: Schema.Finite,
      ...{ backlogSize: Schema.NullOr(Whole), consumerCount: Whole, producerCount: Whole }
    })
  ),
  deliveries: Schema.Array(
    Schema.Struct({
      at: Schema.Finite,
      time: Stamp,
      subscription: Schema.String,
      messageId: Schema.String,
      offset: Whole,
      latencyMillis: Schema.Finite,
      retryCount: Whole,
      status: Schema.Literals(statuses),
      error: Schema.String
    })
  )
}).annotate({ identifier: "TopicStatistics" })
export type TopicStatistics = typeof TopicStatistics.Type

export const told = ({ topic, since, width, totals, points, deliveries }: Told): TopicStatistics => ({
  ...{ topic, since, sinceTime: stamp(since), width },
  totals: totals === undefined ? null : { ...totals, sinceTime: stamp(totals.since) },
  points: points.map(({ start, throughput, p50, p99, errors, backlog, consumers, producers }) => ({
    ...{
      start,
      startTime: stamp(start),
      throughputPerSecond: throughput,
      latencyP50Millis: p50,
      latencyP99Millis: p99
    },
    ...{ errorRate: errors, backlogSize: backlog, consumerCount: consumers, producerCount: producers }
  })),
  deliveries: deliveries.map(({ at, subscription, id, offset, latency, retries, status, error }) => ({
    ...{ at, time: stamp(at), subscription, messageId: id, offset, latencyMillis: latency, retryCount: retries },
    ...{ status, error }
  }))
})
