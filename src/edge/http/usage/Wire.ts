/** How flags are used, and what is reported of that, as JSON. */
import { Schema } from "effect"
import type { StaleFlag, UsesPage } from "../../../flags/FlagUses.ts"
import type { Reported } from "../../../flags/Reports.ts"
import { STALE_REASONS } from "../../../flags/Stale.ts"
import { DEFAULT_ENVIRONMENT } from "../../../keys/Environment.ts"
import { DETAILS, MOST, type Said, TRACK_NAME, UNIT } from "../../../usage/Report.ts"
import { ERROR_CODES, type LastUse, REASONS, type Use } from "../../../usage/Use.ts"
import { Environment, FlagName, Stamp, stamp, stampOr, Time, Whole } from "../Wire.ts"

/** Shown, and enforced by the use case, item by item. */
const some = (json: Readonly<Record<string, unknown>>) =>
  Schema.makeFilter<string>(() => undefined, { toJsonSchema: () => json })
const Variant = Schema.String.check(some({ maxLength: 100 })).annotate({ examples: ["on"] })
/** Who it was: the targeting key. Only a keyed hash of it is kept. */
const Unit = Schema.String.check(some({ minLength: 1, maxLength: UNIT })).annotate({ examples: ["ann"] })
/** Milliseconds since 1970, within the last day; left out: now. */
const at = Schema.optionalKey(Time)
const Items = <S extends Schema.Constraint>(item: S) => Schema.optionalKey(Schema.Array(item))

export const Evaluations = Schema.Struct({
  flag: FlagName,
  variant: Schema.optionalKey(Variant),
  version: Schema.optionalKey(Whole),
  reason: Schema.String.check(some({ enum: REASONS })).annotate({ examples: ["STATIC"] }),
  errorCode: Schema.optionalKey(Schema.String.check(some({ enum: ERROR_CODES }))),
  count: Schema.Finite.annotate({ description: `1 to ${MOST}`, examples: [12] }),
  lastAt: at
})
export const Exposure = Schema.Struct({
  flag: FlagName,
  variant: Schema.optionalKey(Variant),
  version: Schema.optionalKey(Whole),
  unit: Unit,
  at
})
export const Track = Schema.Struct({
  name: Schema.String.check(some({ minLength: 1, maxLength: TRACK_NAME })).annotate({ examples: ["checkout"] }),
  unit: Unit,
  value: Schema.optionalKey(Schema.Finite),
  at,
  details: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.Unknown).annotate({
      description: `At most ${DETAILS} texts, numbers, true and false. Kept as it is: nothing about people belongs into it.`
    })
  )
})

const BatchId = Schema.String.check(some({ pattern: "^[A-Za-z0-9_-]{8,64}$" })).annotate({
  examples: ["0b9d2c1e-6a55-4a0f-9a53-2f1f5e6f0a11"]
})

/** `environment` left out: production. `batchId`: the same batch under the same name counts once. At most 1,000 items together. */
const where = { environment: Schema.optionalKey(Environment) }

export const ReportBody = Schema.Struct({
  ...where,
  batchId: BatchId,
  sdk: Schema.optionalKey(Schema.String.check(some({ maxLength: 64, pattern: "^[ -~]*$" }))),
  evaluations: Items(Evaluations),
  exposures: Items(Exposure),
  tracks: Items(Track)
}).annotate({
  identifier: "ReportBody",
  examples: [
    {
      batchId: "0b9d2c1e-6a55-4a0f-9a53-2f1f5e6f0a11",
      sdk: "my-sdk/1.0",
      evaluations: [{ flag: "new-checkout", variant: "on", reason: "TARGETING_MATCH", count: 12 }],
      exposures: [{ flag: "new-checkout", variant: "on", unit: "ann" }]
    }
  ]
})

/** Events, at most 1,000. `batchId` left out: each request counts. */
export const TrackBody = Schema.Struct({
  ...where,
  batchId: Schema.optionalKey(BatchId),
  events: Schema.Array(Track)
}).annotate({
  identifier: "TrackBody",
  examples: [{ events: [{ name: "checkout", unit: "ann", value: 59.9 }] }]
})

/** What is wrong with an item refuses that item. `overLimit`: beyond what the environment takes of one day. */
export const ReportAnswer = Schema.Struct({
  replayed: Schema.Boolean,
  accepted: Whole,
  refused: Schema.Array(
    Schema.Struct({
      field: Schema.Literals(["evaluations", "exposures", "tracks"]),
      index: Whole,
      problem: Schema.String
    })
  ),
  refusedCount: Whole,
  overLimit: Whole
}).annotate({ identifier: "ReportAnswer" })
export type ReportAnswer = typeof ReportAnswer.Type

const trackOf = ({ name, unit, value, at = 0, details }: typeof Track.Type): Said["tracks"][number] => ({
  ...{ name, unit, value, at, details }
})

export const saidOf = ({ environment = DEFAULT_ENVIRONMENT, ...body }: typeof ReportBody.Type): Said => ({
  environment,
  batchId: body.batchId,
  sdk: body.sdk ?? "",
  evaluations: (body.evaluations ?? []).map(
    ({ flag, variant = "", version = 0, reason, errorCode = "", count, lastAt = 0 }) => ({
      ...{ flag, variant, version, reason, errorCode, count, lastAt }
    })
  ),
  exposures: (body.exposures ?? []).map(({ flag, variant = "", version = 0, unit, at = 0 }) => ({
    ...{ flag, variant, version, unit, at }
  })),
  tracks: (body.tracks ?? []).map(trackOf)
})

/** `name`: of the batch, if it has none of its own. */
export const tracksOf = (
  { environment = DEFAULT_ENVIRONMENT, batchId, events }: typeof TrackBody.Type,
  name: string
): Said => ({
  ...{ environment, batchId: batchId ?? name, sdk: "", evaluations: [], exposures: [] },
  tracks: events.map(trackOf)
})

export const answerOf = ({ refused, ...rest }: Reported): ReportAnswer => ({ ...rest, refused: [...refused] })

/**
 * `lastEvaluatedAt`: when somebody asked for this flag, or told of an evaluation; by what, `door` and `sdk`. `lastGivenAt`: when it was given
 * together with all others, whose users don't say which they use.
 */
export const FlagUse = Schema.Struct({
  flag: Schema.String,
  lastEvaluatedAt: Schema.NullOr(Schema.Finite),
  lastEvaluatedTime: Schema.NullOr(Stamp),
  door: Schema.NullOr(Schema.String),
  sdk: Schema.NullOr(Schema.String),
  lastGivenAt: Schema.NullOr(Schema.Finite),
  lastGivenTime: Schema.NullOr(Stamp)
}).annotate({ identifier: "FlagUse" })
export type FlagUse = typeof FlagUse.Type

const since = { since: Schema.Finite, sinceTime: Stamp }
const all = { allGivenAt: Schema.NullOr(Schema.Finite), allGivenTime: Schema.NullOr(Stamp) }

/** Flags that were ever used. `since`: when counting began. `allGivenAt`: when all flags were given at once, last. */
export const FlagUses = Schema.Struct({
  uses: Schema.Array(FlagUse),
  ...all,
  ...since,
  next: Schema.NullOr(Schema.String)
}).annotate({ identifier: "FlagUses" })
export type FlagUses = typeof FlagUses.Type

/** One way in which a flag was evaluated on one day (UTC). `outcome`: the reason, or an error's code. */
export const FlagCount = Schema.Struct({
  day: Schema.String,
  door: Schema.String,
  sdk: Schema.String,
  variant: Schema.NullOr(Schema.String),
  outcome: Schema.String,
  version: Whole,
  count: Whole,
  lastAt: Schema.Finite,
  lastTime: Stamp
}).annotate({ identifier: "FlagCount" })

export const FlagUsage = Schema.Struct({
  ...FlagUse.fields,
  environment: Schema.String,
  ...since,
  counts: Schema.Array(FlagCount)
}).annotate({ identifier: "FlagUsage" })
export type FlagUsage = typeof FlagUsage.Type

/** `certain` false: clients that take all flags at once may use it. */
export const StaleFlags = Schema.Struct({
  stale: Schema.Array(
    Schema.Struct({
      flag: Schema.String,
      owner: Schema.NullOr(Schema.String),
      lastEvaluatedAt: Schema.NullOr(Schema.Finite),
      lastEvaluatedTime: Schema.NullOr(Stamp),
      why: Schema.Array(
        Schema.Struct({
          reason: Schema.Literals(STALE_REASONS),
          certain: Schema.Boolean,
          problem: Schema.String,
          fix: Schema.String
        })
      )
    })
  ),
  next: Schema.NullOr(Schema.String)
}).annotate({ identifier: "StaleFlags" })
export type StaleFlags = typeof StaleFlags.Type

const times = (last: LastUse | undefined) => {
  const at = last?.asked?.at ?? null
  return { lastEvaluatedAt: at, lastEvaluatedTime: stampOr(at) }
}

export const useOf = (flag: string, last: LastUse | undefined): FlagUse => {
  const given = last?.givenAt ?? null
  return {
    flag,
    ...times(last),
    ...{ door: last?.asked?.door ?? null, sdk: last?.asked?.sdk ?? null },
    ...{ lastGivenAt: given, lastGivenTime: stampOr(given) }
  }
}

export const usesOf = ({ uses, allAt, since, next }: UsesPage): FlagUses => {
  const all = allAt ?? null
  return {
    uses: uses.map((one) => useOf(one.flag, one)),
    ...{ allGivenAt: all, allGivenTime: stampOr(all), since, sinceTime: stamp(since), next: next ?? null }
  }
}

export const countOf = ({ door, sdk, variant, outcome, version, count, at }: Use): typeof FlagCount.Type => ({
  ...{ day: stamp(at).slice(0, 10), door, sdk, variant: variant === "" ? null : variant },
  ...{ outcome, version, count, lastAt: at, lastTime: stamp(at) }
})

export const staleOf = (stale: ReadonlyArray<StaleFlag>, next: string | undefined): StaleFlags => ({
  stale: stale.map(({ flag, owner = null, last, why }) => ({ flag, owner, ...times(last), why: [...why] })),
  next: next ?? null
})
