/** Scheduled changes as JSON. */
import { Schema } from "effect"
import type { Committed } from "../../../commits/Release.ts"
import type { Drafts } from "../../../schedules/Body.ts"
import * as Model from "../../../schedules/Schedule.ts"
import type { Held } from "../../../schedules/ScheduleStore.ts"
import { ReleaseBody } from "../configuration/ReleaseWire.ts"
import { Validated } from "../configuration/Wire.ts"
import { Environment, Stamp, stamp, stampOr, Whole } from "../Wire.ts"

const shown = (json: Readonly<Record<string, unknown>>) =>
  Schema.makeFilter<string>(() => undefined, { toJsonSchema: () => json })

/** Given by the server when it is scheduled. */
export const ScheduleId = Schema.String.check(
  shown({ minLength: 2, maxLength: 19, pattern: "^s[0-9]{1,18}$" })
).annotate({
  examples: ["s1042"]
})
export const Target = { id: ScheduleId }
export const InEnvironment = { environment: Environment }

/** RFC 3339 with an offset, or `+` and days, hours, minutes and seconds from now. */
export const At = Schema.String.check(
  shown({
    maxLength: 40,
    pattern:
      "^(\\d{4}-\\d{2}-\\d{2}[Tt ]\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,9})?)?([Zz]|[+-]\\d{2}:\\d{2})|\\+(\\d{1,4}d)?(\\d{1,5}h)?(\\d{1,7}m)?(\\d{1,9}s)?)$"
  })
).annotate({ examples: ["2026-12-01T09:00:00+01:00", "+2h"] })

/**
 * A release that is made at a time; all of one environment. Without `expectedVersion` a change replaces the version that is current now, and the
 * whole is cancelled when that was changed by then; with `evenIfChanged` it is made whatever is there.
 */
export const ScheduleBody = Schema.Struct({
  at: At,
  message: ReleaseBody.fields.message,
  changes: Schema.optionalKey(ReleaseBody.fields.changes),
  flags: ReleaseBody.fields.flags,
  segments: ReleaseBody.fields.segments,
  evenIfChanged: Schema.optionalKey(Schema.Boolean)
}).annotate({
  identifier: "ScheduleBody",
  examples: [
    {
      at: "2026-12-01T09:00:00+01:00",
      flags: [{ flag: "new-checkout", environment: "production", value: { enabled: true, percentage: 50 } }],
      message: "half of all, as announced"
    }
  ]
})

/** `expectedVersion` null: any; 0: it must not be there. */
const Touch = Schema.Struct({ kind: Schema.String, key: Schema.String, expectedVersion: Schema.NullOr(Whole) })

export const Schedule = Schema.Struct({
  id: Schema.String,
  environment: Schema.String,
  state: Schema.Literals(Model.states),
  dueAt: Schema.Finite,
  dueTime: Stamp,
  madeAt: Schema.Finite,
  madeTime: Stamp,
  madeBy: Schema.String,
  message: Schema.String,
  touches: Schema.Array(Touch),
  digest: Schema.String,
  bytes: Whole,
  revision: Whole,
  endedAt: Schema.NullOr(Schema.Finite),
  endedTime: Schema.NullOr(Stamp),
  endedBy: Schema.String,
  reason: Schema.String
}).annotate({ identifier: "Schedule" })
export type Schedule = typeof Schedule.Type

/** `replayed`: the same Idempotency-Key had this result before; nothing was written now. */
export const Scheduled = Schema.Struct({ ...Schedule.fields, replayed: Schema.Boolean }).annotate({
  identifier: "Scheduled"
})
export type Scheduled = typeof Scheduled.Type

/** With what it is to do, each value as its text; null deletes the key, and archives the flag. */
export const WholeSchedule = Schema.Struct({
  ...Schedule.fields,
  changes: Schema.Array(
    Schema.Struct({
      key: Schema.String,
      value: Schema.NullOr(Schema.String),
      type: Schema.optionalKey(Schema.String),
      schema: Schema.optionalKey(Schema.Unknown),
      strict: Schema.optionalKey(Schema.Boolean)
    })
  ),
  flags: Schema.Array(Schema.Struct({ flag: Schema.String, value: Schema.NullOr(Schema.String) })),
  segments: Schema.Array(Schema.Struct({ segment: Schema.String, value: Schema.NullOr(Schema.String) }))
}).annotate({ identifier: "WholeSchedule" })
export type WholeSchedule = typeof WholeSchedule.Type

/** `next`: give it as `after` for the next page; null at the end. */
export const ScheduleList = Schema.Struct({
  schedules: Schema.Array(Schedule),
  next: Schema.NullOr(Schema.String)
}).annotate({ identifier: "ScheduleList" })
export type ScheduleList = typeof ScheduleList.Type

/** What it would change now. `problem`: why it would not; null otherwise. */
export const Preview = Schema.Struct({
  ...Validated.fields,
  problem: Schema.NullOr(Schema.Struct({ code: Schema.String, detail: Schema.String, fix: Schema.String }))
}).annotate({ identifier: "Preview" })
export type Preview = typeof Preview.Type

export const schedule = (found: Model.Schedule): Schedule => ({
  id: found.key,
  environment: found.environment,
  state: found.state,
  dueAt: found.dueAt,
  dueTime: stamp(found.dueAt),
  madeAt: found.madeAt,
  madeTime: stamp(found.madeAt),
  madeBy: found.madeBy,
  message: found.message,
  touches: found.touches.map(({ kind, key, expected }) => ({ kind, key, expectedVersion: expected })),
  digest: found.digest,
  bytes: found.bytes,
  revision: Number(found.revision),
  endedAt: found.endedAt,
  endedTime: stampOr(found.endedAt),
  endedBy: found.endedBy,
  reason: found.reason
})

export const scheduled = ({ revision: { changes }, replayed }: Committed<Model.Schedule>): Scheduled | undefined => {
  const made = changes.find(({ kind }) => kind === "schedule")
  return made && { ...schedule(made), replayed }
}

export const whole = ({ schedule: found }: Held, { changes, flags }: Drafts): WholeSchedule => ({
  ...schedule(found),
  changes: changes.map(({ key, value, type, schema, strict }) => ({
    key,
    value,
    ...(type === undefined ? {} : { type }),
    ...(schema === undefined ? {} : { schema }),
    ...(strict === undefined ? {} : { strict })
  })),
  flags: flags.flatMap(({ kind = "flag", key, definition }) =>
    kind === "flag" ? [{ flag: key, value: definition }] : []
  ),
  segments: flags.flatMap(({ kind, key, definition }) =>
    kind === "segment" ? [{ segment: key, value: definition }] : []
  )
})
