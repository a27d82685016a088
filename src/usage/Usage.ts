/**
 * Keeps count of how flags are used.
 *
 *   UG1  Whoever evaluates waits for nothing: `note…` only changes memory.
 */
import { Context, Effect, Layer, Metric } from "effect"
import { afterEvery } from "../telemetry/Every.ts"
import { counter } from "../telemetry/Metrics.ts"
import { type Caller, DOORS } from "./Caller.ts"
import { Counts, type Tally } from "./Counts.ts"
import { ERROR_CODES, REASONS } from "./Use.ts"

export class Usage extends Context.Service<
  Usage,
  {
    /** One evaluation of a flag that is there. `variant` "": the caller's own default. `outcome`: the reason, or with ERROR the code. UG1 */
    readonly note: (
      environment: string,
      flag: string,
      version: number,
      variant: string,
      outcome: string,
      caller: Caller
    ) => void
    /** An evaluation of a flag that is not there. */
    readonly noteMiss: (outcome: string, caller: Caller) => void
    /** All flags of an environment were given at once. UG1 */
    readonly noteAll: (environment: string, caller: Caller) => void
    /** A client follows all flags of an environment. Gives what ends that. */
    readonly follow: (environment: string, caller: Caller) => () => void
  }
>()("herald/usage/Usage") {
  static readonly layer = () => Layer.effect(Usage, make())
}

/** Between two looks of the metrics at what was counted. */
const MEASURE = "1 second"

const make = Effect.fnUntraced(function* () {
  const counts = new Counts()

  const measured = ({ caller: { door }, outcome, count }: Tally) =>
    Metric.update(Metric.withAttributes(evaluations, { door, outcome }), count)
  const measure = Effect.suspend(() => {
    const seen: Array<Tally> = []
    counts.tallied((tally) => seen.push({ ...tally }))
    return Effect.forEach(seen, measured, { discard: true })
  })
  yield* Effect.forkScoped(afterEvery("evaluations were not counted", MEASURE, measure))

  return Usage.of({
    note: (environment, flag, version, variant, outcome, caller) =>
      counts.note(environment, flag, version, variant, outcome, caller),
    noteMiss: (outcome, caller) => counts.miss(outcome, caller),
    noteAll: (environment, caller) => counts.gave(environment, caller),
    follow: (environment, caller) => counts.follow(environment, caller)
  })
})

const evaluations = counter(
  "herald_flag_evaluations_total",
  "evaluations of flags, by the door that they came through, and their reason or error code",
  // MT1
  DOORS.flatMap((door) => [...REASONS, ...ERROR_CODES].map((outcome) => ({ door, outcome })))
)
