/** Keeps how topics were used, in PostgreSQL: writes by one call of `herald_distribution_write`. */
import { Effect, Layer } from "effect"
import { type Delivery, type Point, StatisticsStore, type Totals } from "../../../src/distribution/StatisticsStore.ts"
import { dropRanges } from "../connection/DropRanges.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"
import { asFence, millis } from "../leases/Fence.ts"

export const layer = Layer.effect(
  StatisticsStore,
  Effect.gen(function* () {
    const { other: sql } = yield* Pools

    return StatisticsStore.of({
      write: (written) =>
        Effect.asVoid(
          guarded("write statistics")(sql`select herald_distribution_write(${JSON.stringify(written)}::text::jsonb)`)
        ),
      read: ({ topic, since, width, limit }) =>
        Effect.all({
          totals: Effect.map(
            guarded("read statistics")(sql<Totals>`
              select herald_millis(since) as since, published::float8 as published, refused::float8 as refused, sent::float8 as sent,
                delivered::float8 as delivered, failed::float8 as failed
              from distribution_stats where topic = ${topic}::int`),
            ([row]) => row
          ),
          points: guarded("read statistics")(sql<Point>`
            select herald_millis(start) as start, throughput, sent_p50 as p50, sent_p99 as p99, errors, backlog, consumers, producers
            from herald_distribution_points(${topic}::int, herald_at(${since}::float8), ${millis(width)}::interval)`),
          deliveries: guarded("read deliveries")(sql<Delivery & { readonly at: number }>`
            select herald_millis(at) as at, topic, subscription, message_id as id, offset_position::float8 as "offset", delivery_latency_ms as latency,
              retry_count as retries, status, error_message as error
            from herald_distribution_deliveries(${topic}::int, herald_at(${since}::float8), ${limit}::int)`)
        }),
      sweep: (lease, leaseMillis, keepMillis) =>
        Effect.map(
          guarded("sweep statistics")(sql<{ swept: { readonly topics: number } | null }>`
            select herald_distribution_sweep(${asFence(lease)}::text::jsonb, ${millis(leaseMillis)}::interval, ${millis(keepMillis)}::interval) as swept`),
          ([row]) => row!.swept?.topics
        ),
      drop: (before) =>
        dropRanges(sql, "statistics", `select * from herald_distribution_expired(herald_at(${Math.trunc(before)}))`)
    })
  })
)
