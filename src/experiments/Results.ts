/**
 * What an experiment has shown so far, of sums. Pure.
 *
 *   XF1  Every interval may be looked at whenever anybody wants to, and a verdict is one of the interval: while there is no difference, one is ever
 *        claimed of the metric that decides with probability α at most, over all looks and all variants. Of the other metrics each by itself.
 *   XF2  Where units do not come by their shares, nothing is claimed: what is compared are different people.
 *   XF3  What isn't known is null: never a number that only looks like one.
 */
import type { Interval, Sample } from "../statistics/Sample.ts"
import { sampleRatio } from "../statistics/SampleRatio.ts"
import { lift, mean, proportion } from "../statistics/Sequential.ts"
import type { Design, Metric } from "./Experiment.ts"
import type { Summed } from "./Sums.ts"

/** null: not limited on that side, or not known. XF3 */
export interface Bounds {
  readonly estimate: number | null
  readonly low: number | null
  readonly high: number | null
}

export const verdicts = ["control", "better", "worse", "unclear"] as const
export type Verdict = (typeof verdicts)[number]

export interface ArmResult {
  readonly variant: string
  readonly units: number
  /** Of a conversion how many did it, of a mean what all brought together. */
  readonly total: number
  readonly value: Bounds
  /** More than the control, as a share of it: 0.1 is 10 % more. null: of the control itself. */
  readonly lift: Bounds | null
  readonly verdict: Verdict
}

export interface MetricResult extends Pick<Metric, "name" | "kind" | "event" | "windowMillis" | "cap" | "better"> {
  readonly primary: boolean
  readonly arms: ReadonlyArray<ArmResult>
}

export interface Results {
  /** When it was summed up, in milliseconds since 1970. */
  readonly at: number
  readonly units: number
  /** Units that were seen with two variants, and are left out. */
  readonly mixed: number
  /** By variant, in the order of the design; `expected`: by its share of the units. */
  readonly arms: ReadonlyArray<{
    readonly variant: string
    readonly share: number
    readonly units: number
    readonly expected: number
  }>
  readonly sampleRatio: { readonly p: number; readonly mismatch: boolean }
  readonly alpha: number
  readonly metrics: ReadonlyArray<MetricResult>
  /** What is to be known of them, for people. */
  readonly notes: ReadonlyArray<string>
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null)
const bounds = ({ estimate, low, high }: Interval): Bounds => ({
  estimate: finite(estimate),
  low: finite(low),
  high: finite(high)
})

const NOTHING: Bounds = { estimate: null, low: null, high: null }

const verdictOf = ({ low, high }: Interval, better: Metric["better"]): Verdict => {
  if (low > 0) return better === "more" ? "better" : "worse"
  if (high < 0) return better === "more" ? "worse" : "better"
  return "unclear"
}

export const resultsOf = (
  { arms, metrics, alpha }: Design,
  { units, mixed, samples }: Summed,
  at: number,
  notes: ReadonlyArray<string>
): Results => {
  const all = units.reduce((sum, count) => sum + count, 0)
  const shares = arms.map(({ share }) => share)
  const whole = shares.reduce((sum, share) => sum + share, 0)
  const ratio = sampleRatio(units, shares)
  const each = alpha / (arms.length - 1) // XF1
  return {
    at,
    units: all,
    mixed,
    arms: arms.map(({ variant, share }, n) => ({
      variant,
      share: share / whole,
      units: units[n]!,
      expected: (all * share) / whole
    })),
    sampleRatio: ratio,
    alpha,
    metrics: metrics.map((metric, m) => {
      const of = metric.kind === "conversion" ? "proportion" : "mean"
      const control = samples[m]![0]!
      return {
        name: metric.name,
        kind: metric.kind,
        event: metric.event,
        windowMillis: metric.windowMillis,
        cap: metric.cap,
        better: metric.better,
        primary: m === 0,
        arms: arms.map(({ variant }, n): ArmResult => {
          const sample: Sample = samples[m]![n]!
          const value = bounds((of === "proportion" ? proportion : mean)(sample, alpha))
          const its = { variant, units: sample.n, total: sample.sum, value }
          if (n === 0) return { ...its, lift: null, verdict: "control" }
          if (control.n === 0 || sample.n === 0) return { ...its, lift: NOTHING, verdict: "unclear" }
          const more = lift(control, sample, each, of)
          return { ...its, lift: bounds(more), verdict: ratio.mismatch ? "unclear" : verdictOf(more, metric.better) } // XF2
        })
      }
    }),
    notes
  }
}
