/** Ends what topics keep no longer in PostgreSQL, by the functions of migration 0036. */
import { Effect, Layer } from "effect"
import { TopicSweep, type TopicSwept } from "../../../src/topics/TopicSweep.ts"
import { guarded } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"
import { asFence, millis } from "../leases/Fence.ts"
import { dropExpired } from "../retention/Dropping.ts"

/** Segments that one step ends in a partition: its lock is held meanwhile. */
const STEP = 1_000

export const layer = Layer.effect(
  TopicSweep,
  Effect.map(Pools, ({ other: sql }) =>
    TopicSweep.of({
      makeAhead: guarded("make days for events to come")(
        sql<{ ahead: number }>`select herald_topic_ahead() as ahead`
      ).pipe(Effect.map(([row]) => row!.ahead)),
      step: (lease, leaseMillis) =>
        guarded("end what topics keep no longer")(sql<{ swept: TopicSwept | null }>`
          select herald_topic_sweep(${asFence(lease)}::text::jsonb, ${millis(leaseMillis)}::interval, ${STEP}::int) as swept`).pipe(
          Effect.map(([row]) => row!.swept ?? undefined)
        ),
      drop: dropExpired(sql, "herald_topic_expired")
    })
  )
)
