/**
 * TopicSweep over a `State`. There are no days to make or to drop, topics that were deleted are removed already, and producers are known as long as the
 * process lives.
 */
import { Clock, Effect, Layer } from "effect"
import { TopicSweep } from "../../../src/topics/TopicSweep.ts"
import { fenced } from "../leases/LeaseTables.ts"
import { State } from "../State.ts"
import { TopicTables } from "./TopicTables.ts"

export const layer = Layer.effect(
  TopicSweep,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    const tables = state.tables(TopicTables)
    return TopicSweep.of({
      makeAhead: Effect.succeed(Number.POSITIVE_INFINITY),
      step: (lease, leaseMillis) =>
        Effect.sync(() => {
          const now = clock.currentTimeMillisUnsafe()
          if (!fenced(state, lease, leaseMillis, now)) return undefined
          let partitions = 0
          for (const { id, retention } of tables.topics.values())
            for (const one of tables.of([id])) {
              const { first } = one
              if (retention.millis !== null) one.trim(one.find(now - retention.millis).offset)
              while (retention.bytes !== null && one.bytes > retention.bytes) one.shift()
              if (one.first > first) partitions++
            }
          return { partitions, topics: 0, producers: 0, more: false }
        }),
      drop: Effect.succeed({ dropped: 0, left: 0 })
    })
  })
)
