/**
 * Removes what is old, on one node of the cluster at a time.
 *
 *   RT1  A step is bounded in rows; a sweep takes step after step until nothing is left, and lets others work in between.
 *   RT2  Ranges for coming revisions are made before anything is removed: a removal that fails never keeps room from being made.
 *   RT3  What is behind the horizon is never read again; its disk space is given back range by range.
 */
import { Duration, Effect, Layer, Metric } from "effect"
import { failure } from "../errors/HeraldError.ts"
import type { Lease } from "../leases/Leases.ts"
import { leaseMillisOf, takeTurns } from "../leases/Turns.ts"
import { counter, each, gauge } from "../telemetry/Metrics.ts"
import { type Keep, RetentionStore, type Swept } from "./RetentionStore.ts"

export interface RetentionOptions extends Keep {
  /** This run of the process, as in the list of nodes. */
  readonly run: string
}

/** Ranges that should lie ahead of the newest revision. */
const AHEAD = 2
/** The pause between two steps. RT1 */
const BREATH = "20 millis"

const pauseOf = ({ keepMillis }: Keep) => Duration.millis(Math.max(1_000, Math.min(60_000, keepMillis / 2)))

const counted = ["revisions", "idempotencyKeys", "tombstones", "instances", "instanceKeys"] as const

const make = Effect.fnUntraced(function* ({ run, ...keep }: RetentionOptions) {
  const store = yield* RetentionStore
  const pause = pauseOf(keep)
  const leaseMillis = leaseMillisOf(pause)

  const makeAhead = Effect.gen(function* () {
    const ahead = yield* store.makeAhead(keep)
    yield* Metric.update(aheadGauge, ahead)
    if (ahead < AHEAD) yield* Effect.logWarning("too few ranges lie ahead: publishes make their own", { ahead })
  })

  /** RT1 */
  const steps = Effect.fnUntraced(function* (lease: Lease) {
    const total: Record<string, number> = {}
    let swept: Swept
    do {
      const step = yield* store.step(lease, leaseMillis, keep)
      if (step === undefined) return yield* failure("DatabaseUnavailable", "another node sweeps by now")
      swept = step
      const went = [...counted.map((kind) => [kind, step[kind]] as const), ...Object.entries(step.kinds)]
      for (const [kind, n] of went)
        if (n > 0) {
          total[kind] = (total[kind] ?? 0) + n
          yield* Metric.update(Metric.withAttributes(sweptTotal, { kind }), n)
        }
      if (swept.more) yield* Effect.sleep(BREATH)
    } while (swept.more)
    if (Object.keys(total).length > 0) yield* Effect.logInfo("what was old was swept", total)
  })

  const drop = Effect.gen(function* () {
    const { dropped, left } = yield* store.drop
    yield* Metric.update(leftGauge, left)
    if (dropped > 0) yield* Effect.logInfo("the room of old revisions was given back", { ranges: dropped })
    if (left > 0) yield* Effect.logDebug("old ranges are still in use", { ranges: left })
  })

  yield* takeTurns(
    { name: "retention", run, pause },
    (lease) => makeAhead.pipe(Effect.andThen(steps(lease)), Effect.andThen(drop)) // RT2
  )
})

/** Sweeps as long as the layer lives. */
export const layer = (options: RetentionOptions) => Layer.effectDiscard(make(options))

const sweptTotal = counter("herald_swept_total", "rows that the retention ended", each("kind", counted))
const aheadGauge = gauge("herald_ranges_ahead", "ranges that lie ahead of the newest revision")
const leftGauge = gauge("herald_ranges_left", "ranges behind the horizon that could not be dropped yet")
