/**
 * Ends what topics keep no longer, on one node at a time.
 *
 *   TW2  Days to come are made before anything is removed, and a step is bounded: others work in between.
 */
import { Effect, Layer, Metric } from "effect"
import { failure } from "../errors/HeraldError.ts"
import type { Lease } from "../leases/Leases.ts"
import { leaseMillisOf, takeTurns } from "../leases/Turns.ts"
import { counter, each, gauge } from "../telemetry/Metrics.ts"
import { TopicSweep } from "./TopicSweep.ts"

const PAUSE = "30 seconds"
/** The pause between two steps. */
const BREATH = "20 millis"
/** Days that should lie ahead. */
const AHEAD = 2
const COUNTED = ["partitions", "topics", "producers"] as const

const make = Effect.fnUntraced(function* ({ run }: { readonly run: string }) {
  const sweep = yield* TopicSweep

  const makeAhead = Effect.gen(function* () {
    const ahead = yield* sweep.makeAhead
    yield* Metric.update(aheadGauge, ahead)
    if (ahead < AHEAD) yield* Effect.logWarning("too few days of topics lie ahead: appends make their own", { ahead })
  })

  const steps = Effect.fnUntraced(function* (lease: Lease) {
    for (;;) {
      const swept = yield* sweep.step(lease, leaseMillisOf(PAUSE))
      if (swept === undefined) return yield* failure("DatabaseUnavailable", "another node sweeps by now")
      for (const kind of COUNTED)
        if (swept[kind] > 0) yield* Metric.update(Metric.withAttributes(sweptTotal, { kind }), swept[kind])
      if (!swept.more) return
      yield* Effect.sleep(BREATH)
    }
  })

  const drop = Effect.gen(function* () {
    const { dropped, left } = yield* sweep.drop
    if (dropped > 0) yield* Effect.logInfo("the room of old events was given back", { days: dropped })
    if (left > 0) yield* Effect.logDebug("old days of topics are still in use", { days: left })
  })

  yield* takeTurns(
    { name: "topics", run, pause: PAUSE },
    (lease) => makeAhead.pipe(Effect.andThen(steps(lease)), Effect.andThen(drop)) // TW2
  )
})

/** Sweeps as long as the layer lives. `run`: this run of the process, as in the list of nodes. */
export const layer = (options: { readonly run: string }) => Layer.effectDiscard(make(options))

const sweptTotal = counter(
  "herald_topic_swept_total",
  "partitions of which old events ended, topics that were removed, producers that were forgotten",
  each("kind", COUNTED)
)
const aheadGauge = gauge("herald_topic_days_ahead", "days to come for which events have room")
