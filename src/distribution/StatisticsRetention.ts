/** Ends statistics that are old, and counts what is left to do of topics, on one node at a time. */
import { Clock, Effect, Layer, Metric } from "effect"
import { leaseMillisOf, takeTurns } from "../leases/Turns.ts"
import { counter } from "../telemetry/Metrics.ts"
import { StatisticsStore } from "./StatisticsStore.ts"

export interface StatisticsRetentionOptions {
  /** This run of the process, as in the list of nodes. */
  readonly run: string
  readonly keepMillis: number
}

/** Twice a minute, so that none is left out. GS9 */
const PAUSE = "30 seconds"

const make = Effect.fnUntraced(function* ({ run, keepMillis }: StatisticsRetentionOptions) {
  const store = yield* StatisticsStore
  yield* takeTurns({ name: "statistics", run, pause: PAUSE }, (lease) =>
    store.sweep(lease, leaseMillisOf(PAUSE), keepMillis).pipe(
      Effect.andThen(Clock.currentTimeMillis),
      Effect.flatMap((now) => store.drop(now - keepMillis)),
      Effect.flatMap(({ dropped }) => Metric.update(sweptTotal, dropped))
    )
  )
})

/** Sweeps as long as the layer lives. */
export const layer = (options: StatisticsRetentionOptions) => Layer.effectDiscard(make(options))

const sweptTotal = counter(
  "herald_topic_statistics_swept_total",
  "ranges of statistics that were as old as they are kept"
)
