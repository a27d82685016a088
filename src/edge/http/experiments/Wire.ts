/** Experiments as JSON. */
import { Schema } from "effect"
import { VARIANT_NAME } from "../../../evaluation/Definition.ts"
import * as Model from "../../../experiments/Experiment.ts"
import type { Started as StartedExperiment } from "../../../experiments/Experiments.ts"
import { type Results as Found, verdicts } from "../../../experiments/Results.ts"
import { ALPHA, LEAST_SURE, LONGEST, SHORTEST, SUREST, WINDOW } from "../../../experiments/Wanted.ts"
import { KEY } from "../../../keys/Key.ts"
import { TRACK_NAME } from "../../../usage/Report.ts"
import { Environment, FlagName, Message, Stamp, stamp, stampOr, Whole } from "../Wire.ts"

const shown = (json: Readonly<Record<string, unknown>>) =>
  Schema.makeFilter<string>(() => undefined, { toJsonSchema: () => json })
const number = (json: Readonly<Record<string, unknown>>) =>
  Schema.Finite.check(Schema.makeFilter<number>(() => undefined, { toJsonSchema: () => json }))

/** KY1, and shorter than a key. */
export const ExperimentName = Schema.String.check(
  shown({ minLength: 1, maxLength: Model.NAME, pattern: KEY.source })
).annotate({ examples: ["checkout-button"] })
const Variant = Schema.String.check(shown({ minLength: 1, maxLength: VARIANT_NAME })).annotate({ examples: ["on"] })
export const Target = { experiment: ExperimentName }
export const InEnvironment = { environment: Environment }

export const Arm = Schema.Struct({ variant: Variant, share: number({ minimum: 1 }) }).annotate({ identifier: "Arm" })

/** `windowMillis`: what happened within so long of the first exposure counts. `cap`: of a mean, what one brought counts as this at most. */
export const SaidMetric = Schema.Struct({
  name: Schema.optionalKey(ExperimentName),
  kind: Schema.Literals(Model.metricKinds),
  event: Schema.String.check(shown({ minLength: 1, maxLength: TRACK_NAME })).annotate({ examples: ["checkout"] }),
  windowMillis: Schema.optionalKey(number({ minimum: SHORTEST, maximum: LONGEST, default: WINDOW })),
  cap: Schema.optionalKey(Schema.NullOr(number({ exclusiveMinimum: 0, maximum: 1e12 }))),
  better: Schema.optionalKey(Schema.Literals(["more", "less"]))
}).annotate({ identifier: "SaidMetric" })

/**
 * `arms`: variants and their shares, the control first; left out, as the flag's rule has them. `split`: the flag is published with a rule that splits people so, in
 * the same commit; then `traffic` of a hundred take part, of those for whom `where` (JSONLogic) is true, and share the buckets of `layer` with other experiments.
 * `metrics`: the first one decides. `message`: what it is to find out.
 */
export const StartBody = Schema.Struct({
  flag: FlagName,
  arms: Schema.optionalKey(Schema.Array(Arm)),
  split: Schema.optionalKey(Schema.Boolean),
  traffic: Schema.optionalKey(number({ minimum: 0.1, maximum: 100 })),
  where: Schema.optionalKey(Schema.Unknown),
  layer: Schema.optionalKey(ExperimentName),
  metrics: Schema.Array(SaidMetric),
  alpha: Schema.optionalKey(number({ minimum: SUREST, maximum: LEAST_SURE, default: ALPHA })),
  message: Schema.optionalKey(Message)
}).annotate({
  identifier: "StartBody",
  examples: [
    {
      flag: "new-checkout",
      arms: [
        { variant: "off", share: 50 },
        { variant: "on", share: 50 }
      ],
      split: true,
      metrics: [{ kind: "conversion", event: "checkout" }],
      message: "one page sells more than three"
    }
  ]
})
export type StartBody = typeof StartBody.Type

/** `winner`: a variant that was compared, left out for none. `serve`: everyone is served it from now on. `message`: what was concluded. */
export const StopBody = Schema.Struct({
  winner: Schema.optionalKey(Variant),
  serve: Schema.optionalKey(Variant),
  message: Schema.optionalKey(Message)
}).annotate({ identifier: "StopBody", examples: [{ winner: "on", serve: "on", message: "15 % more of them buy" }] })

const orNull = Schema.NullOr(Schema.Finite)
/** null: not limited on that side, or not known yet. */
const Bounds = Schema.Struct({ estimate: orNull, low: orNull, high: orNull }).annotate({ identifier: "Bounds" })
const metricFields = {
  name: Schema.String,
  kind: Schema.Literals(Model.metricKinds),
  event: Schema.String,
  windowMillis: Schema.Finite,
  cap: orNull,
  better: Schema.Literals(["more", "less"])
}

/** `lift`: more than the control, as a share of it; null of the control itself. It may be looked at any time. */
const ArmResult = Schema.Struct({
  variant: Schema.String,
  units: Whole,
  total: Schema.Finite,
  value: Bounds,
  lift: Schema.NullOr(Bounds),
  verdict: Schema.Literals(verdicts)
}).annotate({ identifier: "ArmResult" })

/** `mixed`: people who were seen with two variants, and are left out. `sampleRatio.mismatch`: people do not come by their shares, so nothing is claimed. */
export const Results = Schema.Struct({
  at: Schema.Finite,
  time: Stamp,
  units: Whole,
  mixed: Whole,
  arms: Schema.Array(
    Schema.Struct({ variant: Schema.String, share: Schema.Finite, units: Whole, expected: Schema.Finite })
  ),
  sampleRatio: Schema.Struct({ p: Schema.Finite, mismatch: Schema.Boolean }),
  alpha: Schema.Finite,
  metrics: Schema.Array(Schema.Struct({ ...metricFields, primary: Schema.Boolean, arms: Schema.Array(ArmResult) })),
  notes: Schema.Array(Schema.String)
}).annotate({ identifier: "ExperimentResults" })

const fields = {
  experiment: Schema.String,
  environment: Schema.String,
  state: Schema.Literals(Model.states),
  version: Whole,
  revision: Whole,
  flag: Schema.String,
  flagVersion: Whole,
  arms: Schema.Array(Schema.Struct({ variant: Schema.String, share: Schema.Finite })),
  metrics: Schema.Array(Schema.Struct(metricFields)),
  alpha: Schema.Finite,
  /** null: none. */
  layer: Schema.NullOr(Schema.String),
  /** Of a hundred people how many take part. */
  traffic: Schema.Finite,
  startedAt: Schema.Finite,
  startedTime: Stamp,
  startedBy: Schema.String,
  hypothesis: Schema.String,
  endedAt: orNull,
  endedTime: Schema.NullOr(Stamp),
  endedBy: Schema.String,
  conclusion: Schema.String,
  winner: Schema.NullOr(Schema.String)
}
export const Experiment = Schema.Struct(fields).annotate({ identifier: "Experiment" })
export type Experiment = typeof Experiment.Type

/** `replayed`: the same Idempotency-Key had this result before; nothing was written now. */
export const ChangedExperiment = Schema.Struct({
  ...fields,
  replayed: Schema.Boolean,
  warnings: Schema.Array(Schema.String)
}).annotate({ identifier: "ChangedExperiment" })
export type ChangedExperiment = typeof ChangedExperiment.Type

/** `results` null: they could not be had when it was stopped. */
export const WithResults = Schema.Struct({ ...fields, results: Schema.NullOr(Results) }).annotate({
  identifier: "ExperimentWithResults"
})
export type WithResults = typeof WithResults.Type

/** `next`: give it as `after` for the next page; null at the end. */
export const ExperimentList = Schema.Struct({
  experiments: Schema.Array(Experiment),
  next: Schema.NullOr(Schema.String)
}).annotate({ identifier: "ExperimentList" })
export type ExperimentList = typeof ExperimentList.Type

/** `next`: give it as `before` for the next page; null at the end. */
export const ExperimentHistory = Schema.Struct({
  versions: Schema.Array(WithResults),
  next: Schema.NullOr(Whole)
}).annotate({ identifier: "ExperimentHistory" })
export type ExperimentHistory = typeof ExperimentHistory.Type

export const experiment = (found: Model.Experiment): Experiment => {
  const { arms, metrics, alpha, buckets } = Model.designOf(found)
  return {
    experiment: found.key,
    environment: found.environment,
    state: found.state,
    version: found.version,
    revision: Number(found.revision),
    flag: found.flag,
    flagVersion: found.flagVersion,
    arms,
    metrics,
    alpha,
    layer: found.layer === "" ? null : found.layer,
    traffic: (buckets.reduce((sum, [, width]) => sum + width, 0) * 100) / Model.BUCKETS,
    startedAt: found.startedAt,
    startedTime: stamp(found.startedAt),
    startedBy: found.startedBy,
    hypothesis: found.hypothesis,
    endedAt: found.endedAt,
    endedTime: stampOr(found.endedAt),
    endedBy: found.endedBy,
    conclusion: found.conclusion,
    winner: found.winner
  }
}

export const changed = ({
  committed: { revision, replayed },
  warnings
}: StartedExperiment): ChangedExperiment | undefined => {
  const made = revision.changes.find((one): one is Model.Experiment => one.kind === "experiment")
  return made && { ...experiment(made), replayed, warnings }
}

export const withResults = (found: Model.Experiment, results: Found | null): WithResults => ({
  ...experiment(found),
  results: results && { ...results, time: stamp(results.at) }
})
