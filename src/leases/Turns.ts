/**
 * Repeats work on one node of the cluster, whichever has the lease.
 *
 *   LE4  Work that fails is done again after the pause and harms nothing else. The first failure in a row is a warning; each is counted.
 */
import { Duration, Effect, Metric } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { afterEvery } from "../telemetry/Every.ts"
import { lastWords } from "../telemetry/LastWords.ts"
import { counter } from "../telemetry/Metrics.ts"
import { type Lease, Leases } from "./Leases.ts"

export interface TurnsOptions {
  readonly name: string
  readonly run: string
  /** Between two turns. The lease lasts for two pauses and `WHILE`, so that the work stays where it is. */
  readonly pause: Duration.Input
}

/** Milliseconds that a lease lasts beyond two pauses. */
const WHILE = 2_000

export const leaseMillisOf = (pause: Duration.Input): number => 2 * Duration.toMillis(pause) + WHILE

/** Takes turns as long as the scope lasts; then the lease is given up. */
export const takeTurns = Effect.fnUntraced(function* (
  { name, run, pause }: TurnsOptions,
  work: (lease: Lease) => Effect.Effect<void, HeraldError>
) {
  const leases = yield* Leases
  const leaseMillis = leaseMillisOf(pause)
  let held: Lease | undefined
  let failures = 0

  const turn = Effect.gen(function* () {
    held = yield* leases.claim(name, run, leaseMillis)
    if (held !== undefined) yield* work(held)
    failures = 0
  })
  const failed = (code: string, message: string) =>
    Effect.suspend(() => {
      const said = { work: name, code, reason: message }
      const log =
        failures++ === 0
          ? Effect.logWarning("work of one node for all was not done, and is tried again", said)
          : Effect.logDebug("work of one node for all was not done", said)
      return Effect.andThen(Metric.update(Metric.withAttributes(failedTotal, { work: name }), 1), log)
    })

  yield* Metric.update(Metric.withAttributes(failedTotal, { work: name }), 0) // MT1
  yield* Effect.addFinalizer(() =>
    held === undefined ? Effect.void : lastWords(`the lease for ${name} was not given up`, leases.release(held))
  )
  const told = turn.pipe(
    Effect.catch((error) => failed(error.code, error.message)), // LE4
    Effect.tapDefect(() => failed("defect", ""))
  )
  yield* Effect.forkScoped(afterEvery("work met a defect", pause, told))
})

const failedTotal = counter(
  "herald_turns_failed_total",
  "times that work of the whole cluster failed on this node; it is tried again",
  []
)
