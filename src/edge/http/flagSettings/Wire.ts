/** What an environment says of all its flags, as JSON. */
import { Schema } from "effect"
import { Version } from "../configuration/Wire.ts"
import { publishedFields, storedFields, validatedFields } from "../flags/Wire.ts"
import { Environment, Message, Whole } from "../Wire.ts"

export const InEnvironment = { environment: Environment }

/** People that a dry run asks for. */
export const PEOPLE = 10_000

export const Bucketing = Schema.Literals(["v2", "v3"])

/** `value`: `bucketing`: how people are put into buckets. `expectedVersion` 0: it was never said. */
export const FlagSettingsBody = Schema.Struct({
  value: Schema.Unknown,
  message: Schema.optionalKey(Message),
  expectedVersion: Schema.optionalKey(Version)
}).annotate({ identifier: "FlagSettingsBody", examples: [{ value: { bucketing: "v3" } }] })

/** `people`: targeting keys, or contexts; people are made up where it is left out. */
export const FlagSettingsTry = Schema.Struct({
  value: Schema.Unknown,
  people: Schema.optionalKey(
    Schema.Array(Schema.Union([Schema.String, Schema.Record(Schema.String, Schema.Unknown)])).check(
      Schema.isMaxLength(PEOPLE)
    )
  )
}).annotate({ identifier: "FlagSettingsTry", examples: [{ value: { bucketing: "v3" }, people: ["ann", "bob"] }] })

/** Programs that evaluate by themselves, on the node that answers: `bucketing` null where nothing is known of such a program. */
export const Evaluating = Schema.Struct({
  sdk: Schema.String,
  streams: Whole,
  bucketing: Schema.NullOr(Bucketing)
}).annotate({ identifier: "Evaluating" })

/** As it is now; `version` 0 and the defaults where nothing was said. `disagree`: names of those that put people into other buckets. */
export const CurrentFlagSettings = Schema.Struct({
  environment: Schema.String,
  version: Whole,
  bucketing: Bucketing,
  evaluating: Schema.Array(Evaluating),
  disagree: Schema.Array(Schema.String)
}).annotate({ identifier: "CurrentFlagSettings" })
export type CurrentFlagSettings = typeof CurrentFlagSettings.Type

export const PublishedFlagSettings = Schema.Struct({
  ...publishedFields,
  disagree: Schema.Array(Schema.String)
}).annotate({ identifier: "PublishedFlagSettings" })
export type PublishedFlagSettings = typeof PublishedFlagSettings.Type

/** `next`: give it as `before` for the next page; null at the end. */
export const FlagSettingsHistory = Schema.Struct({
  versions: Schema.Array(Schema.Struct({ flag_settings: Schema.String, ...storedFields })),
  next: Schema.NullOr(Whole)
}).annotate({ identifier: "FlagSettingsHistory" })
export type FlagSettingsHistory = typeof FlagSettingsHistory.Type

/**
 * Nothing was written. `moving`: of how many people how many would get another variant, those flags first that move the most; `asked`, `wouldMove`: of
 * all flags that were counted, one with the other. `madeUp`: each operator with buckets was asked by itself, of people that nobody named.
 */
export const TriedFlagSettings = Schema.Struct({
  ...validatedFields,
  moving: Schema.Struct({
    from: Bucketing,
    to: Bucketing,
    flags: Whole,
    counted: Whole,
    madeUp: Schema.Boolean,
    moved: Schema.Array(Schema.Struct({ flag: Schema.String, people: Whole, moved: Whole })),
    asked: Whole,
    wouldMove: Whole
  }),
  disagree: Schema.Array(Schema.String)
}).annotate({ identifier: "TriedFlagSettings" })
export type TriedFlagSettings = typeof TriedFlagSettings.Type
