/** Metrics of how flags are used. Labels are doors and outcomes, never names of flags: those are in the database. */
import { Effect, Metric } from "effect"
import { counter, each } from "../telemetry/Metrics.ts"
import { DOORS } from "./Caller.ts"
import type { Tally } from "./Counts.ts"
import { ERROR_CODES, REASONS, type Recorded, type UsageBatch } from "./Use.ts"

const evaluations = counter(
  "herald_flag_evaluations_total",
  "evaluations of flags, by the door that they came through, and their reason or error code",
  // MT1
  DOORS.flatMap((door) => [...REASONS, ...ERROR_CODES].map((outcome) => ({ door, outcome })))
)
const KINDS = ["evaluations", "exposures", "tracks"] as const
const reported = counter(
  "herald_reported_items_total",
  "items of reports that were written: counts of evaluations, exposures, tracks",
  each("kind", KINDS)
)
const overLimit = counter(
  "herald_reported_over_limit_total",
  "exposures and tracks beyond what an environment takes of one day, which were left out"
)
const leftOut = counter(
  "herald_flag_usage_left_out_total",
  "counts of evaluations that there was no room to keep, in memory or of a day; they are in herald_flag_evaluations_total"
)

const evaluated = (door: string, outcome: string, count: number) =>
  Metric.update(Metric.withAttributes(evaluations, { door, outcome }), count)

export const measureTally = ({ caller: { door }, outcome, count }: Tally) => evaluated(door, outcome, count)

/** What was written, each with its report, if it is one. `left`: what had no room in memory. */
export const measureRecorded = Effect.fnUntraced(function* (
  written: ReadonlyArray<readonly [UsageBatch | undefined, Recorded]>,
  left: number
) {
  const items = { evaluations: 0, exposures: 0, tracks: 0 }
  const outcomes = new Map<string, number>()
  let [over, out] = [0, left]
  for (const [batch, became] of written) {
    if (became.replayed) continue
    over += became.overLimit
    out += became.leftOut
    if (batch === undefined) continue
    items.evaluations += batch.uses.length
    items.exposures += batch.exposures.length
    items.tracks += batch.tracks.length
    for (const { outcome, count } of batch.uses) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count)
  }
  for (const kind of KINDS) yield* Metric.update(Metric.withAttributes(reported, { kind }), items[kind])
  for (const [outcome, count] of outcomes) yield* evaluated("report", outcome, count)
  yield* Metric.update(overLimit, over)
  yield* Metric.update(leftOut, out)
})
