/** Ends bars that are old, on one node at a time. */
import { Clock, Effect, Layer, Metric } from "effect"
import { leaseMillisOf, takeTurns } from "../leases/Turns.ts"
import { counter, each } from "../telemetry/Metrics.ts"
import { type KeepMarket, MarketStore } from "./MarketStore.ts"

export interface MarketRetentionOptions extends KeepMarket {
  /** This run of the process, as in the list of nodes. */
  readonly run: string
}

const PAUSE = "1 minute"
/** The pause between two steps. */
const BREATH = "20 millis"
const KINDS = ["days", "instruments", "ranges"] as const

const make = Effect.fnUntraced(function* ({ run, ...keep }: MarketRetentionOptions) {
  const store = yield* MarketStore
  const count = (kind: (typeof KINDS)[number], n: number) =>
    Metric.update(Metric.withAttributes(sweptTotal, { kind }), n)
  yield* takeTurns({ name: "market-data", run, pause: PAUSE }, (lease) =>
    store.sweep(lease, leaseMillisOf(PAUSE), keep).pipe(
      Effect.tap((swept) =>
        swept === undefined
          ? Effect.void
          : Effect.andThen(count("days", swept.days), count("instruments", swept.instruments))
      ),
      Effect.tap((swept) => (swept?.more === true ? Effect.sleep(BREATH) : Effect.void)),
      Effect.repeat({ while: (swept) => swept?.more === true }),
      Effect.andThen(Clock.currentTimeMillis),
      Effect.flatMap((now) => store.drop(now - keep.keepMillis)),
      Effect.flatMap(({ dropped }) => count("ranges", dropped))
    )
  )
})

/** Sweeps as long as the layer lives. */
export const layer = (options: MarketRetentionOptions) => Layer.effectDiscard(make(options))

const sweptTotal = counter(
  "herald_market_swept_total",
  "bars of days, instruments of which nothing is left, and ranges of bars that were as old as they are kept",
  each("kind", KINDS)
)
