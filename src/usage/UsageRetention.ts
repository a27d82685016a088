/** Ends what is old of flags' use, on one node at a time. */
import { Effect, Layer, Metric } from "effect"
import { leaseMillisOf, takeTurns } from "../leases/Turns.ts"
import { counter, each } from "../telemetry/Metrics.ts"
import { type KeepUsage, UsageStore } from "./UsageStore.ts"

export interface UsageRetentionOptions extends KeepUsage {
  /** This run of the process, as in the list of nodes. */
  readonly run: string
}

const PAUSE = "1 minute"
/** The pause between two steps. */
const BREATH = "20 millis"
const KINDS = ["counts", "exposures", "tracks"] as const

const make = Effect.fnUntraced(function* ({ run, ...keep }: UsageRetentionOptions) {
  const store = yield* UsageStore
  yield* takeTurns({ name: "usage", run, pause: PAUSE }, (lease) =>
    store.sweep(lease, leaseMillisOf(PAUSE), keep).pipe(
      Effect.tap((swept) =>
        swept === undefined
          ? Effect.void
          : Effect.forEach(KINDS, (kind) => Metric.update(Metric.withAttributes(sweptTotal, { kind }), swept[kind]), {
              discard: true
            })
      ),
      Effect.tap((swept) => (swept?.more === true ? Effect.sleep(BREATH) : Effect.void)),
      Effect.repeat({ while: (swept) => swept?.more === true }),
      Effect.asVoid
    )
  )
})

/** Sweeps as long as the layer lives. */
export const layer = (options: UsageRetentionOptions) => Layer.effectDiscard(make(options))

const sweptTotal = counter(
  "herald_usage_swept_total",
  "rows of counts by day, exposures and tracks that were as old as they are kept",
  each("kind", KINDS)
)
