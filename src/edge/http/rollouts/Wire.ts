/**
 * Rollouts as JSON. Stages are counted from 1, and 0 is before the first; of those whom one names it has those whose bucket (CE2) is `below`, and those
 * that it took by name when it began (BJ3).
 */
import { Schema } from "effect"
import { limits } from "../../../plans/Plan.ts"
import { stageText } from "../../../plans/ReadStages.ts"
import type { Reading as ModelReading } from "../../../rollouts/Evidence.ts"
import { conditions } from "../../../rollouts/Evidence.ts"
import type { Sighted } from "../../../rollouts/EvidenceStore.ts"
import type { Look as ModelLook } from "../../../rollouts/Looking.ts"
import { type Rollout as Model, states } from "../../../rollouts/Rollout.ts"
import type { Started as ModelStarted } from "../../../rollouts/Rollouts.ts"
import { ValueType } from "../../../values/ValueType.ts"
import { Validated, Version } from "../configuration/Wire.ts"
import { At } from "../schedules/Wire.ts"
import { BreakGlass, Environment, FlagName, Key, Message, Stamp, stamp, stampOr, Whole } from "../Wire.ts"
import { PlanOf, shown, Text } from "./PlanWire.ts"

/** Given by the server when it begins. */
export const RolloutId = Schema.String.check(
  shown({ minLength: 2, maxLength: 19, pattern: "^r[0-9]{1,18}$" })
).annotate({ examples: ["r1042"] })
export const Target = { rollout: RolloutId }
export const InEnvironment = { environment: Environment }
export const AnyState = Schema.Literals([...states, "active"])

const atMost = Schema.makeFilter<ReadonlyArray<unknown>>(() => undefined, {
  toJsonSchema: () => ({ maxItems: limits.targets })
})

/** A version of before, whose value it is. */
const RolloutVersion = Schema.Struct({ key: Key, version: Version })
const RolloutChange = Schema.Struct({
  key: Key,
  value: Schema.Unknown,
  type: Schema.optionalKey(ValueType),
  schema: Schema.optionalKey(Schema.Unknown),
  strict: Schema.optionalKey(Schema.Boolean),
  expectedVersion: Schema.optionalKey(Version)
})
/** With neither: the flag as it is, of which the plan's `raise` names a variant. */
const RolloutFlagVersion = Schema.Struct({ flag: FlagName, version: Schema.optionalKey(Version) })
const RolloutFlag = Schema.Struct({
  flag: FlagName,
  value: Schema.Unknown,
  expectedVersion: Schema.optionalKey(Version)
})

/** `at`: when it begins; at once unless given. `file`: what asks for it is a file of this name: the same again changes nothing. */
export const RolloutBody = Schema.Struct({
  environment: Environment,
  plan: PlanOf,
  changes: Schema.optionalKey(Schema.Array(Schema.Union([RolloutChange, RolloutVersion])).check(atMost)),
  flags: Schema.optionalKey(Schema.Array(Schema.Union([RolloutFlag, RolloutFlagVersion])).check(atMost)),
  at: Schema.optionalKey(At),
  file: Schema.optionalKey(Text(200, "checkout.yaml")),
  message: Schema.optionalKey(Message),
  breakGlass: Schema.optionalKey(BreakGlass)
}).annotate({
  identifier: "RolloutBody",
  examples: [
    {
      environment: "production",
      plan: { stages: "1%,10%,50%,100%", bake: "5m", gates: ["unhealthy < 2%", "rejected < 1%"] },
      changes: [{ key: "user-service", value: { feature: { x: true } } }],
      message: "turn x on"
    }
  ]
})
export type RolloutBody = typeof RolloutBody.Type

export const MoveBody = Schema.Struct({ message: Schema.optionalKey(Message) }).annotate({
  identifier: "RolloutMove",
  examples: [{ message: "looks good" }]
})
/** `everyone`: not only the next stage. */
export const PromoteBody = Schema.Struct({
  message: Schema.optionalKey(Message),
  everyone: Schema.optionalKey(Schema.Boolean),
  breakGlass: Schema.optionalKey(BreakGlass)
}).annotate({ identifier: "RolloutPromotion", examples: [{ message: "looks good" }] })
const Counts = Schema.Record(Schema.String, Schema.Unknown).annotate({
  description: `Instances of the cohort, by ${conditions.join(", ")}, lost; and slow by milliseconds.`
})
const Reading = Schema.Struct({
  gate: Schema.String,
  verdict: Schema.Literals(["good", "bad", "unknown"]),
  text: Schema.String,
  value: Schema.optionalKey(Schema.Finite),
  low: Schema.optionalKey(Schema.Finite),
  high: Schema.optionalKey(Schema.Finite),
  dryRun: Schema.Boolean
})

export const Rollout = Schema.Struct({
  id: Schema.String,
  environment: Schema.String,
  version: Whole,
  revision: Whole,
  state: Schema.Literals(states),
  stage: Whole,
  stages: Schema.Array(
    Schema.Struct({
      text: Schema.String,
      bakeMillis: Schema.Finite,
      approval: Schema.Boolean,
      begunAt: Schema.NullOr(Schema.Finite),
      begunTime: Schema.NullOr(Stamp),
      below: Schema.NullOr(Whole),
      also: Schema.optionalKey(Schema.Array(Schema.String))
    })
  ),
  salt: Schema.String,
  targets: Schema.Array(
    Schema.Struct({ kind: Schema.String, key: Schema.String, base: Whole, version: Whole, digest: Schema.String })
  ),
  gates: Schema.Array(Schema.String),
  deadlineMillis: Schema.Finite,
  windows: Schema.Array(Schema.Struct({ from: Schema.Finite, until: Schema.Finite })),
  plan: Schema.NullOr(Schema.String),
  file: Schema.NullOr(Schema.String),
  untilAt: Schema.NullOr(Schema.Finite),
  untilTime: Schema.NullOr(Stamp),
  reason: Schema.String,
  counts: Schema.NullOr(Counts),
  readings: Schema.Array(Reading),
  by: Schema.String,
  at: Schema.Finite,
  time: Stamp,
  startedBy: Schema.String,
  startedAt: Schema.Finite,
  startedTime: Stamp,
  message: Schema.String
}).annotate({ identifier: "Rollout" })
export type Rollout = typeof Rollout.Type

/** `replayed`: nothing was written now, as it had been done before. */
export const Started = Schema.Struct({ ...Rollout.fields, replayed: Schema.Boolean }).annotate({
  identifier: "RolloutStarted"
})
export type Started = typeof Started.Type

/** As it is known now: `waits`: for what, to go on; `now` is the database's clock, null where nothing is known; `seen`: give it with `wait` to be answered when that has changed. */
export const Look = Schema.Struct({
  ...Rollout.fields,
  now: Schema.NullOr(Schema.Finite),
  nowTime: Schema.NullOr(Stamp),
  complete: Schema.Boolean,
  waits: Schema.String,
  examples: Schema.Array(
    Schema.Struct({ service: Schema.String, instance: Schema.String, is: Schema.String, reason: Schema.String })
  ),
  seen: Schema.String
}).annotate({ identifier: "RolloutLook" })
export type Look = typeof Look.Type

/** `next`: give it as `before` for the next page; null at the end. */
export const RolloutList = Schema.Struct({
  rollouts: Schema.Array(Rollout),
  next: Schema.NullOr(Schema.String)
}).annotate({ identifier: "RolloutList" })
export type RolloutList = typeof RolloutList.Type

/** `next`: give it as `after` for the next page; null at the end. */
export const RolloutHistory = Schema.Struct({
  transitions: Schema.Array(Rollout),
  next: Schema.NullOr(Whole)
}).annotate({ identifier: "RolloutHistory" })
export type RolloutHistory = typeof RolloutHistory.Type

/** `next`: give it as `after` for the next page; null at the end. */
export const RolloutInstances = Schema.Struct({
  instances: Schema.Array(
    Schema.Struct({
      service: Schema.String,
      instance: Schema.String,
      stage: Whole,
      is: Schema.Literals(conditions),
      reason: Schema.String,
      at: Schema.Finite,
      time: Stamp
    })
  ),
  next: Schema.NullOr(Schema.String)
}).annotate({ identifier: "RolloutInstances" })
export type RolloutInstances = typeof RolloutInstances.Type

/** What would become of it; nothing was written. `reach`: connected instances that a stage names, and those that would be in it. */
export const RolloutPreview = Schema.Struct({
  ...Validated.fields,
  gates: Schema.Array(Schema.String),
  reach: Schema.Array(Schema.Struct({ stage: Schema.String, named: Whole, within: Whole }))
}).annotate({ identifier: "RolloutPreview" })
export type RolloutPreview = typeof RolloutPreview.Type

const reading = ({ value, low, high, ...one }: ModelReading): Rollout["readings"][number] => ({
  ...one,
  ...(value === undefined || !Number.isFinite(value) ? {} : { value }),
  ...(low === undefined || !Number.isFinite(low) ? {} : { low }),
  ...(high === undefined || !Number.isFinite(high) ? {} : { high })
})

export const rollout = (found: Model): Rollout => {
  const { plan, begun, why } = found
  return {
    id: found.key,
    environment: found.environment,
    version: found.version,
    revision: Number(found.revision),
    state: found.state,
    stage: found.stage + 1,
    stages: plan.stages.map((stage, nth) => ({
      text: stageText(stage),
      bakeMillis: stage.bakeMillis,
      approval: stage.approval,
      begunAt: begun[nth]?.at ?? null,
      begunTime: stampOr(begun[nth]?.at ?? null),
      below: begun[nth]?.below ?? null,
      ...(begun[nth]?.also === undefined ? {} : { also: begun[nth].also })
    })),
    salt: found.salt,
    targets: found.targets.map(({ kind, key, base, version, digest }) => ({ kind, key, base, version, digest })),
    gates: plan.gates.map(({ text }) => text),
    deadlineMillis: plan.deadlineMillis,
    windows: plan.windows,
    plan: plan.named ?? null,
    file: plan.file?.name ?? null,
    untilAt: found.until,
    untilTime: stampOr(found.until),
    reason: why.text,
    counts: why.counts === undefined ? null : { ...why.counts },
    readings: why.readings.map(reading),
    by: found.by,
    at: found.at,
    time: stamp(found.at),
    startedBy: found.startedBy,
    startedAt: found.startedAt,
    startedTime: stamp(found.startedAt),
    message: found.message
  }
}

export const started = ({ rollout: found, replayed }: ModelStarted): Started => ({ ...rollout(found), replayed })

export const look = ({ rollout: found, evidence, readings, waits, seen }: ModelLook): Look => ({
  ...rollout(found),
  ...(evidence === undefined ? {} : { counts: { ...evidence.counts } }),
  readings: readings.map(reading),
  now: evidence?.now ?? null,
  nowTime: stampOr(evidence?.now ?? null),
  complete: evidence?.complete ?? false,
  waits,
  examples: evidence?.examples.map(({ service, instance, is, reason }) => ({ service, instance, is, reason })) ?? [],
  seen
})

export const instance = ({ service, instance: name, stage, is, reason, at }: Sighted) => ({
  service,
  instance: name,
  stage: stage + 1,
  is,
  reason,
  at,
  time: stamp(at)
})
